//! `cargo xtask kafka …`: the commands of a person at a terminal, over [`KafkaCluster`].
//!
//! Answers go to standard output (the bootstrap addresses are the last line of `up`), progress to standard error.

use clap::{Args, Subcommand, ValueEnum};

use super::{ClusterState, KafkaCluster, Lifetime, Options, SecuredOptions, Signal, VERSIONS, Version};
use crate::error::XtaskError;

/// Start, watch and end real Apache Kafka clusters on this machine.
#[derive(Debug, Subcommand)]
pub enum KafkaCommand {
    /// Start a cluster and leave it running; the last line on stdout is its bootstrap address.
    Up(UpArgs),
    /// End a cluster and throw its data away.
    Down {
        /// Its name.
        #[arg(long, default_value = "kafka", conflicts_with = "all")]
        name: String,
        /// End every cluster that `up` started.
        #[arg(long)]
        all: bool,
    },
    /// List clusters, their brokers, ports and processes.
    Status,
    /// Send a signal to one broker; SIGKILL if none is named.
    Kill {
        /// The cluster.
        #[arg(long, default_value = "kafka")]
        name: String,
        /// The broker's id, from 1.
        #[arg(long)]
        broker: i32,
        /// What to send: stop freezes, cont thaws, term shuts down in order.
        #[arg(long, value_enum, default_value = "kill", ignore_case = true)]
        signal: SignalName,
    },
    /// Start one broker again, with its data; a running one is killed first.
    Restart {
        /// The cluster.
        #[arg(long, default_value = "kafka")]
        name: String,
        /// The broker's id, from 1.
        #[arg(long)]
        broker: i32,
    },
    /// Run one of Kafka's Java tools; `{bootstrap}` in an argument becomes the cluster's address.
    Tool {
        /// The cluster.
        #[arg(long, default_value = "kafka")]
        name: String,
        /// Its class, e.g. org.apache.kafka.tools.TopicCommand.
        class: String,
        /// Its arguments.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
}

/// What to start.
#[derive(Debug, Args)]
pub struct UpArgs {
    /// The version of Apache Kafka.
    #[arg(long, default_value = Version::newest().number,
          value_parser = clap::builder::PossibleValuesParser::new(VERSIONS.iter().map(|version| version.number)))]
    version: String,
    /// How many brokers: 1 or 3.
    #[arg(long, default_value_t = 1)]
    brokers: u16,
    /// A name, to run several clusters at a time.
    #[arg(long, default_value = "kafka")]
    name: String,
    /// A line for every broker's server.properties; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// With certificates, users and a listener for each kind of security; prints what there is, and writes a file of
    /// client properties for each way in, for `kp produce --config FILE`.
    #[arg(long)]
    secure: bool,
    /// Heap of each broker in MiB.
    #[arg(long, default_value_t = 512)]
    heap: u32,
}

/// The signals that make sense for a broker.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum SignalName {
    /// SIGKILL: gone at once.
    Kill,
    /// SIGTERM: shut down in order.
    Term,
    /// SIGSTOP: frozen; connections stay open without an answer.
    Stop,
    /// SIGCONT: goes on.
    Cont,
}

impl From<SignalName> for Signal {
    fn from(name: SignalName) -> Self {
        match name {
            SignalName::Kill => Self::KILL,
            SignalName::Term => Self::TERM,
            SignalName::Stop => Self::STOP,
            SignalName::Cont => Self::CONT,
        }
    }
}

impl KafkaCommand {
    /// Does what the command says.
    ///
    /// # Errors
    /// Those of [`KafkaCluster`].
    pub fn run(self) -> Result<(), XtaskError> {
        match self {
            Self::Up(args) => up(args),
            Self::Down { all: true, .. } => down_all(),
            Self::Down { name, .. } => down(&ClusterState::load(&name)?),
            Self::Status => status(),
            Self::Kill { name, broker, signal } => kill(&name, broker, signal),
            Self::Restart { name, broker } => {
                KafkaCluster::open(&name)?.restart(broker)?;
                eprintln!("broker {broker} of {name:?} is back");
                Ok(())
            }
            Self::Tool { name, class, args } => tool(&name, &class, &args),
        }
    }
}

fn up(args: UpArgs) -> Result<(), XtaskError> {
    let mut options = Options {
        version: args.version,
        brokers: args.brokers,
        name: Some(args.name),
        lifetime: Lifetime::Detached,
        settings: Vec::new(),
        client_listeners: Vec::new(),
        secured: args.secure.then_some(SecuredOptions::All),
        heap_mib: args.heap,
        java_flags: Vec::new(),
        issuer: None,
    };
    for line in &args.settings {
        let (key, value) =
            line.split_once('=').ok_or_else(|| XtaskError::Usage(format!("--set {line}: no '=' in it")))?;
        options = options.setting(key, value);
    }
    let cluster = KafkaCluster::start(&options)?;
    cluster.ways_in().iter().for_each(|line| println!("{line}"));
    println!("{}", cluster.bootstrap());
    Ok(())
}

fn down(state: &ClusterState) -> Result<(), XtaskError> {
    let was_alive = state.is_alive();
    KafkaCluster::open(&state.name)?.stop()?;
    eprintln!("{:?} {}", state.name, if was_alive { "ended" } else { "was down already; removed" });
    Ok(())
}

fn down_all() -> Result<(), XtaskError> {
    let detached = |state: &ClusterState| state.lifetime == Lifetime::Detached;
    ClusterState::load_all()?.iter().filter(|state| detached(state)).try_for_each(down)
}

fn status() -> Result<(), XtaskError> {
    let states = ClusterState::load_all()?;
    if states.is_empty() {
        println!("no clusters; `cargo xtask kafka up` starts one");
    }
    for state in states {
        let kept = match state.lifetime {
            Lifetime::WithProcess => "ends with its test",
            Lifetime::Detached => "stays until `down`",
        };
        println!("{}  Kafka {}  {kept}  {}", state.name, state.version, state.bootstrap());
        for service in &state.services {
            let is_up = service.process.as_ref().is_some_and(super::ProcessId::is_alive);
            println!(
                "  {:?}  127.0.0.1:{}  {}",
                service.service,
                service.port,
                if is_up { "up" } else { "down" }
            );
        }
        for broker in &state.brokers {
            let process = match &broker.process {
                Some(process) if process.is_alive() => format!("up, pid {}", process.pid),
                _ => "down".to_owned(),
            };
            println!(
                "  broker {}  {}  controller port {}  {process}",
                broker.id,
                broker.address(),
                broker.controller_port
            );
        }
    }
    Ok(())
}

fn kill(name: &str, broker: i32, signal: SignalName) -> Result<(), XtaskError> {
    let cluster = KafkaCluster::open(name)?;
    let was_there = cluster.signal(broker, signal.into())?;
    if matches!(signal, SignalName::Kill) {
        cluster.kill(broker)?;
    }
    eprintln!("broker {broker} of {name:?} {}", if was_there { "got it" } else { "was down already" });
    Ok(())
}

fn tool(name: &str, class: &str, args: &[String]) -> Result<(), XtaskError> {
    let cluster = KafkaCluster::open(name)?;
    let bootstrap = cluster.bootstrap();
    let mut command = cluster.tool_command(class);
    command.args(args.iter().map(|arg| arg.replace("{bootstrap}", &bootstrap)));
    let status =
        command.status().map_err(|source| XtaskError::Io { doing: format!("running {class}"), source })?;
    if status.success() { Ok(()) } else { Err(XtaskError::Failed(format!("{class} ended with {status}"))) }
}
