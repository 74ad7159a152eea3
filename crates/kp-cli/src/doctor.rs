//! `kp doctor`: what keeps a producer from working, step by step, in plain words, each with what to change.
//! Owns: the course. Nothing is written to any topic, and none is created, unless `--write` says so.

mod cluster;
mod coordinator;
mod listener;
mod login;
#[cfg(not(any(feature = "tls", feature = "tls-aws-lc", feature = "tls-graviola")))]
mod no_tls;
mod open_transactions;
mod partitions;
mod produce;
mod release;
mod report;
mod rights;
mod sockets;
#[cfg(any(feature = "tls", feature = "tls-aws-lc", feature = "tls-graviola"))]
mod tls;
mod topic;
mod way;

#[cfg(not(any(feature = "tls", feature = "tls-aws-lc", feature = "tls-graviola")))]
use no_tls as tls;

use std::{io, net::SocketAddr};

use kp_network::OldKafka;
use kp_producer::config::Settings;
use kp_protocol::{
    ApiKey, VersionRange,
    api::{ListOffsetsRequest, MetadataResponse},
    text::shown,
};

use self::{
    listener::{Source, Spoken, Unspoken},
    report::{Ailment, Report},
    sockets::Sockets,
    topic::Asked,
    way::Way,
};
use crate::{
    Failure,
    args::{DoctorArgs, OutputArgs},
    configure::producer_config,
    reader::Canonical,
};

/// # Errors
/// A bad configuration is wrong usage. What the doctor finds is exit code 1, not an error.
pub(crate) fn run(args: &DoctorArgs, output: &OutputArgs) -> Result<u8, Failure> {
    let config = producer_config(&args.config).map_err(Failure::usage)?;
    let validated = config.validate().map_err(Failure::usage)?;
    let way = Way::new(&config, &validated.settings).map_err(Failure::usage)?;
    let mut report = Report::new(output.json);
    for warning in &validated.warnings {
        let remedy = "`kp config KEY` says what the key may be";
        report.warning("config", Ailment::new(warning.to_string(), remedy));
    }
    let done = visit(&mut report, args, &way).and_then(|()| report.conclude());
    match done {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::failed(format!("stdout: {error}")))
        }
        _ => Ok(u8::from(!report.is_healthy())),
    }
}

/// # Errors
/// Stdout is gone.
fn visit(report: &mut Report, args: &DoctorArgs, way: &Way<'_>) -> io::Result<()> {
    let settings = way.settings;
    let mut sockets = Sockets::new();
    let first = knock_at_each(report, way, &mut sockets);
    report.tell()?;
    let Some(mut spoken) = first else {
        report.skipped("listeners", "no broker answers as one");
        return Ok(());
    };
    speaks(report, &spoken, settings);
    // Its fellows are as old: asking each would only cost time.
    let is_old = spoken.versions_known_by == Source::TakenFor09;
    let known = if is_old { Some(OldKafka::V0_9_0) } else { settings.broker_version_fallback };
    let works = cluster::try_advertised(report, way, &mut sockets, &spoken.metadata, known);
    report.tell()?;
    let (broker, (host, port)) = match works.first_key_value() {
        Some((id, address)) => (*id, address.clone()),
        None => (-1, spoken.at.clone()),
    };
    let tells_configs = spoken.connection.version(ApiKey::DescribeConfigs).is_ok();
    let isolation = VersionRange::new(ListOffsetsRequest::ISOLATION_FROM, i16::MAX);
    let has_transactions = spoken.connection.version_within(ApiKey::ListOffsets, isolation).is_ok();
    let asked = Asked { way, broker, host: &host, port, tells_configs, has_transactions };
    if let Some(name) = &args.topic {
        topic::examine(report, &asked, &mut spoken, name, &works, settings);
        report.tell()?;
    }
    coordinator::examine(report, &asked, &mut spoken, &works, settings);
    report.tell()?;
    produce::try_dry(report, &mut spoken, settings);
    report.tell()?;
    if let (Some(name), true) = (&args.topic, args.write) {
        if settings.transactional_id.is_some() {
            // Also one that aborts: InitProducerId alone fences.
            let why = "no record is written with transactional.id: not even a transaction that is aborted goes without shutting out \
                       the producer that has this id now, and aborting what it has open; --write works without the id";
            report.skipped("produce", why);
        } else if report.is_healthy() {
            produce::write_one(report, way.config, name);
        } else {
            report.skipped("produce", "no record is written before the rest works");
        }
    }
    Ok(())
}

/// Knocks at each entry of the bootstrap list; the first that answers as a broker.
fn knock_at_each(report: &mut Report, way: &Way<'_>, sockets: &mut Sockets) -> Option<Spoken> {
    let mut first: Option<Spoken> = None;
    for (host, port) in &way.settings.bootstrap_servers {
        if let Some(spoken) = knock(report, way, sockets, host, *port) {
            match &first {
                None => first = Some(spoken),
                Some(first) => same_cluster(report, &first.metadata, &spoken, host, *port),
            }
        }
        // A producer needs one of the list; with one, the others are worth a warning.
        if first.is_some() {
            report.forgive();
        }
    }
    first
}

/// Name, address, and the first words with one entry of the bootstrap list.
fn knock(report: &mut Report, way: &Way<'_>, sockets: &mut Sockets, host: &str, port: u16) -> Option<Spoken> {
    let addresses = match sockets.resolve(host, port) {
        Ok(addresses) => addresses,
        Err(error) => {
            report.failed("resolve", Ailment::new(
                format!("{}: {error}", shown(host)),
                "is the name right? Does this machine's DNS (or /etc/hosts) know it? Inside a container, names are the container's",
            ));
            return None;
        }
    };
    let listed: Vec<String> = addresses.iter().map(|address| address.ip().to_string()).collect();
    match listed.as_slice() {
        [address] if address == host => report.ok("resolve", format!("{host} is an address, not a name")),
        listed => report.ok("resolve", format!("{} is {}", shown(host), listed.join(", "))),
    }
    let address = match listener::connect(sockets, host, &addresses) {
        Ok((address, took, refusals)) => {
            let took = took.as_secs_f64() * 1000.0;
            report.ok("connect", format!("{address} takes connections, in {took:.1} ms{refusals}"));
            address
        }
        Err(ailment) => {
            report.failed("connect", ailment);
            return None;
        }
    };
    let name = canonical(report, way, address);
    let (host, addresses) =
        name.as_deref().map_or((host, &addresses[..]), |name| (name, std::slice::from_ref(&address)));
    let known = way.settings.broker_version_fallback;
    introduce(report, way, sockets, host, port, addresses)
        .and_then(|()| listener::speak(way, sockets, host, port, known))
        .map_err(|unspoken| report.failed(unspoken.step, unspoken.ailment))
        .ok()
}

/// What the broker at an address is called, if that is to be asked: by the name a producer wants in a certificate and a ticket.
fn canonical(report: &mut Report, way: &Way<'_>, address: SocketAddr) -> Option<String> {
    let canonical = Canonical::of(way.settings);
    let name = canonical.name_of(address.ip());
    match &name {
        Some(name) => {
            report.ok("resolve", format!("{} is called {} (client.dns.lookup)", address.ip(), shown(name)));
        }
        None if canonical.is_wanted() => {
            let found = format!("{} has no name that leads back to it", address.ip());
            report.warning(
                "resolve",
                Ailment::new(
                    found,
                    "the producer calls it as bootstrap.servers does; is the PTR record right?",
                ),
            );
        }
        None => {}
    }
    name
}

/// What comes before the first words: TLS, and the login.
fn introduce(
    report: &mut Report,
    way: &Way<'_>,
    sockets: &mut Sockets,
    host: &str,
    port: u16,
    addresses: &[SocketAddr],
) -> Result<(), Unspoken> {
    if let Some(look) = tls::look(way, host, addresses) {
        tell_tls(report, way, &look, host, port);
    }
    if way.has_login()
        && way.settings.broker_version_fallback.is_none()
        && let Some(logged_in) = listener::log_in(way, sockets, host, port)?
    {
        report.ok_with("sasl", logged_in.to_text(), logged_in.to_json());
    }
    Ok(())
}

/// What a listener shows of itself over TLS.
fn tell_tls(report: &mut Report, way: &Way<'_>, look: &tls::Look, host: &str, port: u16) {
    report.ok_in_lines("tls", look.to_text(host, port), look.lines(), look.to_json());
    for ailment in look.ailments(host, port, way) {
        report.warning("tls", ailment);
    }
}

/// Two entries of one list lead to one cluster.
fn same_cluster(report: &mut Report, first: &MetadataResponse, spoken: &Spoken, host: &str, port: u16) {
    if first.cluster_id != spoken.metadata.cluster_id {
        let id = |metadata: &MetadataResponse| {
            metadata.cluster_id.as_ref().map_or("none", |id| id.as_str()).to_owned()
        };
        report.warning(
            "kafka",
            Ailment::new(
                format!(
                    "{} belongs to another cluster ({}) than the first that answered ({})",
                    listener::written(host, port),
                    id(&spoken.metadata),
                    id(first)
                ),
                "take the entries of one cluster out of bootstrap.servers",
            ),
        );
    }
}

/// Which Kafka it is, and what kp will use.
fn speaks(report: &mut Report, spoken: &Spoken, settings: &Settings) {
    let configured = settings.broker_version_fallback.map_or("", |old| old.name());
    let connection = &spoken.connection;
    let versions = connection.versions();
    let (kafka, known_by) = match (spoken.versions_known_by, release::release(versions)) {
        (Source::TakenFor09, _) => {
            ("0.9", ", which does not know ApiVersions: broker.version.fallback=0.9.0 spares it the question")
        }
        (Source::Configured, _) => (configured, " as broker.version.fallback says, and not asked"),
        (Source::Asked, Some(release)) => (release, " by its API versions"),
        (Source::Asked, None) => ("a version that kp does not recognize", ""),
    };
    let uses = match versions.negotiate(ApiKey::Produce) {
        Some(version) => format!("kp will use Produce v{version}"),
        None => "kp and it have no version of Produce in common".to_owned(),
    };
    let cluster =
        spoken.metadata.cluster_id.as_ref().map_or_else(String::new, |id| format!(", cluster {}", shown(id)));
    report.ok("kafka", format!("{} is Kafka {kafka}{known_by}{cluster}; {uses}", connection.address()));
}
