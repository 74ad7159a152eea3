//! `cargo xtask bench`: kp and other producers side by side, each in a process of its own, in turn, round after round; medians.
//!
//! Owns: the processes of a comparison (a sink, a delay proxy, one producer at a time), which end with it however it ends.
//! Only ratios of one run count: absolute figures move from machine to machine and from hour to hour.

mod count;
mod measured;
mod producers;
mod report;
mod scenarios;
mod watched;

use std::net::ToSocketAddrs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};

use self::count::CountArgs;
use self::measured::{Measured, Results};
use self::producers::{Peer, Producer};
use self::report::Report;
use self::scenarios::{Broker, SCENARIOS, Scenario};
use self::watched::{Watched, run_for_line};
use crate::error::{Doing, XtaskError};
use crate::kafka::{KafkaCluster, Options, Version};
use crate::{programs, workspace};

/// Longest run of one producer; one that takes longer is ended and has no figure.
const RUN_LIMIT: Duration = Duration::from_secs(180);
/// Partitions of a topic on a real cluster.
const REAL_PARTITIONS: u32 = 6;

/// Benchmarks across programs.
#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// kp beside other producers: the same records, the same broker, in turn, medians and ratios.
    ///
    /// Builds in release mode what it needs: kp-bench, a broker that only acknowledges (kp-sink), a delay proxy (kp-delay), and the
    /// peers. A peer that cannot be built is left out, and it is said why. Where a producer cannot do a scenario, or gave no figure,
    /// there is a "-". Ctrl-C ends everything that was started.
    #[command(
        after_help = "Examples:\n  cargo xtask bench compare --scenario small,idem --against franz-go --rounds 3\n  cargo xtask bench compare --scenario rtt --records-scale 0.5\n  cargo xtask bench compare --real 4.3.0 --scenario idem,rate\n  cargo xtask bench compare --scenario all --write docs/performance.md"
    )]
    Compare(Box<CompareArgs>),
    /// How many instructions a record costs, counted by valgrind, beside the numbers that are kept; fails above +5 %.
    Count(CountArgs),
}

/// What to compare, and against whom.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// Peers, separated by commas: franz-go (Go), librdkafka (CMake and a C compiler), krafka, java (JDK 17 and Maven), or none.
    /// limit, one thread that only encodes and writes, is always there.
    #[arg(long, value_delimiter = ',', default_value = "franz-go,librdkafka,krafka,java")]
    against: Vec<String>,
    /// Scenarios, separated by commas; `all` for every one, `rtt` for every delay. `--list` says what each is.
    #[arg(long, value_delimiter = ',', default_value = "small,idem,keyed,kib,lz4,rate")]
    scenario: Vec<String>,
    /// Print the scenarios and end.
    #[arg(long)]
    list: bool,
    /// How many times each producer runs; the median counts.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Multiplies the records of every scenario.
    #[arg(long, default_value_t = 1.0, value_name = "X")]
    records_scale: f64,
    /// A cluster that is there already, instead of the sink. Its topic `bench` (--topic) must exist or be made when asked for;
    /// scenarios with other partitions, topics or delays are left out.
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "real")]
    bootstrap: Option<String>,
    /// The topic on that cluster.
    #[arg(long, default_value = "bench")]
    topic: String,
    /// Start a real Apache Kafka of this version instead of the sink (one broker, topic of six partitions); ends with the run.
    #[arg(long, value_name = "VERSION")]
    real: Option<String>,
    /// Ways of taking outcomes with kp, a column each, separated by commas: drop, deliveries, token, channel, closure. Without it, what
    /// suits the scenario: dropped, or a closure where latency is measured.
    #[arg(long, value_delimiter = ',')]
    kp_modes: Vec<String>,
    /// Write the tables into this Markdown file, and plots as SVG into `plots` beside it.
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// Write every figure of every round into this file, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Only see that kp, the sink and the proxy work: tiny numbers, no peers, one round; any figure that is missing is an error.
    #[arg(long, conflicts_with_all = ["bootstrap", "real", "write"])]
    smoke: bool,
}

impl BenchCommand {
    /// Does it.
    ///
    /// # Errors
    /// An option that makes no sense, kp that does not build, or a broker that does not start.
    pub fn run(&self) -> Result<(), XtaskError> {
        match self {
            Self::Compare(args) => args.run(),
            Self::Count(args) => args.run(),
        }
    }
}

/// Where records go.
enum Target<'a> {
    Sink { sink: &'a Path, delay: &'a Path, double: &'a Path },
    Cluster { bootstrap: String, double: &'a Path },
}

impl CompareArgs {
    fn run(&self) -> Result<(), XtaskError> {
        if self.list {
            SCENARIOS.iter().for_each(|scenario| println!("{:<18} {}", scenario.name, scenario.says));
            return Ok(());
        }
        let scenarios = self.scenarios()?;
        let peers = self.peers()?;
        self.check()?;
        eprintln!("building kp-bench, kp-sink, kp-double and kp-delay");
        let sink = programs::build("kp-benches", "kp-sink", true, &["zstd"])?;
        let delay = programs::build("kp-benches", "kp-delay", true, &["zstd"])?;
        let double = programs::build("kp-benches", "kp-double", true, &["zstd"])?;
        let kp = programs::build("kp-benches", "kp-bench", true, &["zstd"])?;
        let mut left_out = Vec::new();
        let mut producers = Producer::of_kp(&kp, &self.kp_modes);
        for peer in peers {
            eprintln!("building {}", peer.name());
            match peer.build() {
                Ok(producer) => producers.push(producer),
                Err(error) => {
                    eprintln!("left out: {} cannot be built: {error}", peer.name());
                    left_out.push((peer.name().to_owned(), one_line(&error.to_string())));
                }
            }
        }
        let cluster = self.real.as_deref().map(real_cluster).transpose()?;
        let bootstrap = cluster.as_ref().map(KafkaCluster::bootstrap).or_else(|| self.bootstrap.clone());
        let target = match bootstrap {
            Some(bootstrap) => Target::Cluster { bootstrap, double: &double },
            None => Target::Sink { sink: &sink, delay: &delay, double: &double },
        };
        let mut report = Report::new(self.target_name(), self.rounds(), left_out);
        for scenario in scenarios {
            let results = self.measure(scenario, &producers, &target)?;
            let table = report.add(scenario, self.records_of(scenario), results);
            println!("{table}");
        }
        if let Some(cluster) = cluster {
            cluster.stop()?;
        }
        if let Some(path) = &self.json {
            write_file(path, &report.json()?)?;
            eprintln!("written: {}", path.display());
        }
        if let Some(path) = &self.write {
            report.write(path)?;
            eprintln!("written: {}", path.display());
        }
        if self.smoke && report.has_gaps() {
            return Err(XtaskError::Failed("smoke run: a figure is missing, or records failed".to_owned()));
        }
        Ok(())
    }

    fn rounds(&self) -> u32 {
        if self.smoke { 1 } else { self.rounds }
    }

    fn records_of(&self, scenario: &Scenario) -> u64 {
        let scale = if self.smoke { 0.01 } else { self.records_scale };
        ((scenario.records as f64 * scale) as u64).max(100)
    }

    fn target_name(&self) -> String {
        match (&self.real, &self.bootstrap) {
            (Some(version), _) => format!("Apache Kafka {version}, one broker, on the same machine"),
            (None, Some(bootstrap)) => format!("the cluster at {bootstrap}"),
            (None, None) => {
                "kp-sink, a broker that only acknowledges, on the same machine; transactions to kp-double"
                    .to_owned()
            }
        }
    }

    fn scenarios(&self) -> Result<Vec<&'static Scenario>, XtaskError> {
        if self.smoke {
            let quick = [
                "small",
                "small-tls",
                "idem",
                "keyed",
                "zstd",
                "rate",
                "topics-1000",
                "await-10000",
                "rtt-2-1",
                "txn-100",
            ];
            return Ok(SCENARIOS.iter().filter(|scenario| quick.contains(&scenario.name)).collect());
        }
        scenarios::named(&self.scenario)
    }

    fn peers(&self) -> Result<Vec<Peer>, XtaskError> {
        if self.smoke { Ok(Vec::new()) } else { Peer::named(&self.against) }
    }

    fn check(&self) -> Result<(), XtaskError> {
        if !(self.records_scale > 0.0 && self.records_scale <= 1000.0) {
            return Err(XtaskError::Usage(format!(
                "--records-scale {}: a number above 0, up to 1000",
                self.records_scale
            )));
        }
        let modes = ["drop", "deliveries", "token", "channel", "closure"];
        if let Some(mode) = self.kp_modes.iter().find(|mode| !modes.contains(&mode.as_str())) {
            return Err(XtaskError::Usage(format!("--kp-modes {mode}: one of {}", modes.join(", "))));
        }
        if let Some(version) = &self.real {
            Version::find(version)?;
        }
        if let Some(bootstrap) = &self.bootstrap {
            for address in bootstrap.split(',') {
                let reachable = address.to_socket_addrs().is_ok_and(|mut addresses| {
                    addresses.any(|address| {
                        std::net::TcpStream::connect_timeout(&address, Duration::from_secs(5)).is_ok()
                    })
                });
                if !reachable {
                    return Err(XtaskError::Usage(format!("--bootstrap {address}: no broker answers there")));
                }
            }
        }
        Ok(())
    }

    /// All rounds of one scenario: in each round every producer runs once.
    fn measure(
        &self,
        scenario: &'static Scenario,
        producers: &[Producer],
        target: &Target<'_>,
    ) -> Result<Vec<Results>, XtaskError> {
        let producers: Vec<_> = producers.iter().filter(|producer| producer.has_row(scenario)).collect();
        let mut results: Vec<_> =
            producers.iter().map(|producer| Results::of(producer.name.clone())).collect();
        // The sink and the proxy live as long as the scenario.
        let (bootstrap, _keep) = match target {
            Target::Cluster { double, .. } | Target::Sink { double, .. }
                if scenario.broker == Broker::Double =>
            {
                start_double(double, scenario)?
            }
            Target::Sink { double, .. } if scenario.broker == Broker::Coordinating => {
                start_double(double, scenario)?
            }
            Target::Cluster { .. } if !scenario.fits_a_cluster() => {
                eprintln!("{}: needs the sink; left out", scenario.name);
                return Ok(results);
            }
            Target::Cluster { bootstrap, .. } => (bootstrap.clone(), Vec::new()),
            Target::Sink { sink, delay, .. } => start_sink(sink, delay, scenario)?,
        };
        for round in 1..=self.rounds() {
            for (producer, results) in producers.iter().zip(&mut results) {
                if !producer.can(scenario) {
                    continue;
                }
                let mut command = producer.command(scenario);
                command.args(["--bootstrap", &bootstrap, "--topic", &self.topic]);
                command.args(["--records", &self.records_of(scenario).to_string()]);
                if scenario.tls {
                    command.arg("--tls").arg(sinks_certificate());
                }
                match run_for_line(&command, RUN_LIMIT).and_then(|line| Measured::read(&line)) {
                    Ok(measured) => results.rounds.push(measured),
                    Err(error) => {
                        eprintln!("{}, round {round}: {}: no figure: {error}", scenario.name, producer.name);
                    }
                }
            }
        }
        Ok(results)
    }
}

/// The address to send to, and what must be kept for it to live.
fn start_sink(sink: &Path, delay: &Path, scenario: &Scenario) -> Result<(String, Vec<Watched>), XtaskError> {
    let shape = [
        "--partitions".to_owned(),
        scenario.partitions.to_string(),
        "--topics".to_owned(),
        scenario.topics.to_string(),
    ];
    let Some(rtt) = scenario.rtt_ms else {
        let mut command = std::process::Command::new(sink);
        command.args(shape);
        if scenario.tls {
            command.arg("--tls").arg(sinks_certificate());
        }
        let (sink, port) = Watched::start_on_a_port(&command)?;
        return Ok((format!("127.0.0.1:{port}"), vec![sink]));
    };
    // Each names the other's port: both are picked before either starts.
    let ports = crate::kafka::free_ports(2)?;
    let (at, proxy) = (ports[0].to_string(), ports[1].to_string());
    let (sink, _) = Watched::start_on_a_port(std::process::Command::new(sink).args(shape).args([
        "--port",
        &at,
        "--advertised-port",
        &proxy,
    ]))?;
    let (listen, to) = (format!("127.0.0.1:{proxy}"), format!("127.0.0.1:{at}"));
    let (delay, _) = Watched::start_on_a_port(
        std::process::Command::new(delay).args(["--listen", &listen, "--to", &to, "--rtt-ms", rtt]),
    )?;
    Ok((listen, vec![sink, delay]))
}

/// The same of a double.
fn start_double(double: &Path, scenario: &Scenario) -> Result<(String, Vec<Watched>), XtaskError> {
    let mut command = std::process::Command::new(double);
    command.args(["--partitions", &scenario.partitions.to_string()]);
    let (double, port) = Watched::start_on_a_port(&command)?;
    Ok((format!("127.0.0.1:{port}"), vec![double]))
}

/// Where a sink that speaks TLS writes its certificate.
fn sinks_certificate() -> PathBuf {
    workspace::target_dir().join("sink.pem")
}

fn real_cluster(version: &str) -> Result<KafkaCluster, XtaskError> {
    let options = Options { version: version.to_owned(), heap_mib: 1024, ..Options::default() };
    KafkaCluster::start(&options.setting("num.partitions", &REAL_PARTITIONS.to_string()))
}

fn one_line(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    match lines.as_slice() {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first, .., last] => format!("{first} … {}", last.trim_start_matches("| ")),
    }
}

/// Writes a file and the folders above it.
fn write_file(path: &Path, text: &str) -> Result<(), XtaskError> {
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        std::fs::create_dir_all(parent).doing(|| format!("making {}", parent.display()))?;
    }
    std::fs::write(path, text).doing(|| format!("writing {}", workspace::shown(path)))
}
