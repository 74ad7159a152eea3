//! `kp perf`: how fast records get into a topic, and how long each takes.
//! Owns: the course of a run. A thread per producer sends ([`sender`]), the producers' listeners count ([`tally`]), and
//! the main thread, here, samples them ([`series`]), waits for the end or for Ctrl-C, and sums up ([`result`]).

mod compare;
mod event;
mod in_transactions;
mod live;
pub(crate) mod options;
mod pace;
mod payload;
mod reading;
mod records;
mod report;
mod result;
mod sender;
mod sending;
mod series;
mod setup;
mod table;
mod tally;

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process,
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use kp_producer::blocking;

use self::{
    compare::Comparison,
    event::Event,
    live::Live,
    options::PerfArgs,
    pace::Pace,
    payload::Payload,
    reading::Reading,
    result::{Measured, PerfResult},
    sender::Sender,
    sending::Sending,
    series::Series,
    setup::Setup,
    tally::Tally,
};
use crate::{
    Failure,
    args::OutputArgs,
    console::Console,
    histogram::Latencies,
    interrupt::{EXIT_INTERRUPTED, on_interrupt},
    produce::gate::Gate,
    watched::Watched,
};

/// After a flush everything is settled; closing only has to end a thread.
const CLOSE_WITHIN: Duration = Duration::from_secs(10);

/// How often is looked at what happened.
const TICK: Duration = Duration::from_millis(100);

/// # Errors
/// What kept it from being begun, or the results from being written.
pub(crate) fn run(args: &PerfArgs, output: &OutputArgs, console: &Console) -> Result<u8, Failure> {
    if let Some(path) = &args.report {
        check_report(path)?;
    }
    match args.compare.as_deref() {
        Some([first, second]) => compare(first, second, args.report.as_deref(), output),
        _ => measure(args, output, console),
    }
}

/// # Errors
/// It cannot be written: better said before a long run than after it.
fn check_report(path: &Path) -> Result<(), Failure> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match (path.is_dir(), directory.is_dir()) {
        (true, _) => Err(Failure::usage(format!("--report {}: it is a directory", path.display()))),
        (_, false) => Err(Failure::usage(format!("--report {}: no such directory", path.display()))),
        (false, true) => Ok(()),
    }
}

fn write_report(path: &Path, page: &str) -> Result<(), Failure> {
    fs::write(path, page).map_err(|error| Failure::failed(format!("{}: {error}", path.display())))
}

fn compare(
    first: &PathBuf,
    second: &PathBuf,
    report: Option<&Path>,
    output: &OutputArgs,
) -> Result<u8, Failure> {
    let read = |path: &PathBuf| PerfResult::read(path).map_err(Failure::failed);
    let mut names =
        [first, second].map(|path| path.file_name().unwrap_or_default().to_string_lossy().into_owned());
    if names[0] == names[1] {
        names = [first, second].map(|path| path.display().to_string());
    }
    let comparison = Comparison { names, results: [read(first)?, read(second)?] };
    let text = if output.json { format!("{}\n", comparison.to_json()) } else { comparison.text() };
    print(&text)?;
    if let Some(path) = report {
        write_report(path, &report::of_two(&comparison))?;
    }
    Ok(0)
}

fn print(text: &str) -> Result<(), Failure> {
    let written = io::stdout().write_all(text.as_bytes());
    written.map_err(|error| Failure::failed(format!("stdout: {error}")))
}

fn measure(args: &PerfArgs, output: &OutputArgs, console: &Console) -> Result<u8, Failure> {
    let setup = Setup::new(args)?;
    let producers = setup.build(console)?;
    let (events, incoming) = mpsc::channel();
    let (interrupted, doubts) = (events.clone(), in_doubt(looking_at(&producers), console));
    on_interrupt(console.clone(), move || drop(interrupted.send(Event::Interrupted)), doubts)
        .map_err(Failure::failed)?;
    let mut run = Run::start(&setup, producers, events);
    let ending = run.carry(&setup, &incoming, console);
    run.producers[0].0.notices().iter().for_each(|notice| console.warn(notice));
    let Some(measurement) = run.measurement else {
        // It was not begun: there is nothing to tell but why.
        return match ending.stopped {
            Some(reason) if !ending.interrupted => Err(Failure::failed(reason)),
            _ => Ok(EXIT_INTERRUPTED),
        };
    };
    let mut result = measurement.result(&setup, run.partitions, &run.producers);
    result.interrupted = ending.interrupted;
    result.stopped = ending.stopped;
    print(&match serde_json::to_string(&result) {
        Ok(json) if output.json => json + "\n",
        Err(error) if output.json => return Err(Failure::failed(error)),
        _ => table::text(&result),
    })?;
    if let Some(path) = &args.report {
        write_report(path, &report::of_one(&result))?;
        console.note(format_args!("report: {}", path.display()));
    }
    Ok(match (result.interrupted, result.is_success()) {
        (true, _) => EXIT_INTERRUPTED,
        (false, true) => 0,
        (false, false) => 1,
    })
}

/// For all that only looks.
fn looking_at(producers: &[(Sending, Arc<Tally>)]) -> Vec<(Watched, Arc<Tally>)> {
    producers.iter().map(|(producer, tally)| (producer.watched(), Arc::clone(tally))).collect()
}

/// What a second Ctrl-C says.
fn in_doubt(producers: Vec<(Watched, Arc<Tally>)>, console: &Console) -> impl Fn() + Send + 'static {
    let console = console.clone();
    move || {
        let mut counts = tally::Counts::default();
        producers.iter().for_each(|(_, tally)| counts.add(&tally.sample(&mut Latencies::new())));
        if counts.in_flight() > 0 {
            producers.iter().for_each(|(producer, _)| console.error(producer.explain()));
        }
        console.error(format_args!("left at once; records in doubt: {}", counts.in_flight()));
        process::exit(EXIT_INTERRUPTED.into());
    }
}

struct Run {
    producers: Vec<(Watched, Arc<Tally>)>,
    gates: Vec<Arc<Gate>>,
    /// To each sender that waits for its beginning.
    starts: Vec<mpsc::Sender<Instant>>,
    events: mpsc::Sender<Event>,
    /// Of the topic, once it was found.
    partitions: usize,
    /// Since it was begun.
    measurement: Option<Measurement>,
}

/// How a run ended.
#[derive(Default)]
struct Ending {
    interrupted: bool,
    stopped: Option<String>,
}

impl Run {
    fn start(setup: &Setup, producers: Vec<(Sending, Arc<Tally>)>, events: mpsc::Sender<Event>) -> Self {
        let (mut gates, mut starts) = (Vec::new(), Vec::new());
        let (senders, looking) = (producers.len(), looking_at(&producers));
        for (place, (producer, tally)) in producers.into_iter().enumerate() {
            let (begin, start) = mpsc::channel();
            let gate = Arc::new(Gate::default());
            let sender = Sender {
                producer,
                tally,
                gate: Arc::clone(&gate),
                payload: Payload::new(Arc::clone(&setup.values), setup.keys, place, senders),
                topic: setup.topic.clone(),
                pace: Pace {
                    start: Instant::now(),
                    target: setup.target,
                    rate: setup.rate,
                    place: place as u64,
                    senders: senders as u64,
                },
                warm_up: setup.warm_up,
                start,
            };
            sender.spawn(events.clone());
            gates.push(gate);
            starts.push(begin);
        }
        Self { producers: looking, gates, starts, events, partitions: 0, measurement: None }
    }

    /// Waits for the end, and samples until then.
    fn carry(&mut self, setup: &Setup, incoming: &mpsc::Receiver<Event>, console: &Console) -> Ending {
        let (mut ending, mut ready, mut ended) = (Ending::default(), 0, 0);
        loop {
            let next = self.measurement.as_ref().map_or(TICK, Measurement::until_next_tick);
            let event = incoming.recv_timeout(next);
            if let Some(measurement) = &mut self.measurement {
                measurement.tick_if_due(&self.producers);
            }
            match event {
                Ok(Event::Ready { partitions }) => {
                    ready += 1;
                    self.partitions = partitions;
                    if ready == self.producers.len() {
                        self.begin(setup, console);
                    }
                }
                Ok(Event::Interrupted) => {
                    ending.interrupted = true;
                    console.error("interrupted: delivering what was accepted; Ctrl-C again leaves at once");
                    self.halt();
                }
                Ok(Event::Ended(reason)) => {
                    ended += 1;
                    if let Some(reason) = reason {
                        self.stop_for(&reason, console);
                        ending.stopped.get_or_insert(reason);
                    }
                    if ended == self.producers.len() {
                        self.start_closing();
                    }
                }
                Ok(Event::Closed(undelivered)) => {
                    if undelivered > 0 {
                        console.error(format_args!("closed with {undelivered} records undelivered"));
                    }
                    break;
                }
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                // This run holds a sender itself.
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
            }
        }
        let is_whole = !ending.interrupted && ending.stopped.is_none();
        let least = if is_whole { setup.scheduled() } else { Duration::ZERO };
        if let Some(measurement) = &mut self.measurement {
            measurement.end(&self.producers, least);
        }
        ending
    }

    /// All senders are ready: the measurement begins, unless it was stopped before.
    fn begin(&mut self, setup: &Setup, console: &Console) {
        if self.starts.is_empty() {
            return;
        }
        console.note(setup.describe(self.partitions));
        let measurement = Measurement::begin(&self.producers, setup, console);
        for start in self.starts.drain(..) {
            // One that has ended needs no beginning.
            let _ = start.send(measurement.start);
        }
        self.measurement = Some(measurement);
    }

    /// A sender that cannot go on ends the run.
    fn stop_for(&mut self, reason: &str, console: &Console) {
        if self.measurement.is_some() {
            console.error(format_args!("stopped: {reason}"));
        }
        self.halt();
    }

    /// From here on nothing more is accepted.
    fn halt(&mut self) {
        // First, so that no sender waits for the beginning any more.
        self.starts.clear();
        self.gates.iter().for_each(|gate| gate.shut());
    }

    /// On a thread of its own, so that sampling goes on.
    fn start_closing(&self) {
        let producers = self.producers.iter().filter_map(|(producer, _)| producer.clone().plain());
        let producers: Vec<_> = producers.collect();
        let events = self.events.clone();
        thread::spawn(move || {
            let producers: Vec<blocking::Producer> = producers.into_iter().map(Into::into).collect();
            // Both refuse only on the network thread, which this is not.
            let flushed = producers.iter().all(|producer| producer.flush().is_ok());
            debug_assert!(flushed, "this is not the network thread");
            let closed = producers.iter().filter_map(|producer| producer.close(CLOSE_WITHIN).ok());
            let _ = events.send(Event::Closed(closed.map(|closed| closed.undelivered).sum()));
        });
    }
}

/// What is measured, from its beginning on.
struct Measurement {
    start: Instant,
    started_ms: u64,
    next_tick: Instant,
    baseline: Reading,
    last: Reading,
    latencies: Latencies,
    series: Series,
    /// Until the end.
    live: Option<Live>,
    elapsed: Duration,
}

impl Measurement {
    fn begin(producers: &[(Watched, Arc<Tally>)], setup: &Setup, console: &Console) -> Self {
        let baseline = Reading::take(producers, &mut Latencies::new());
        let live = Live::start(console, setup.target, setup.batch_size(), baseline.clone());
        let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let start = Instant::now();
        Self {
            start,
            started_ms: started.as_millis() as u64,
            next_tick: start + TICK,
            last: baseline.clone(),
            series: Series::new(baseline.clone()),
            live: Some(live),
            baseline,
            latencies: Latencies::new(),
            elapsed: Duration::ZERO,
        }
    }

    fn until_next_tick(&self) -> Duration {
        self.next_tick.saturating_duration_since(Instant::now())
    }

    fn tick_if_due(&mut self, producers: &[(Watched, Arc<Tally>)]) {
        let now = Instant::now();
        if now < self.next_tick {
            return;
        }
        // One that comes late takes the place of those that did not come.
        self.next_tick = (self.next_tick + TICK).max(now);
        let mut latencies = Latencies::new();
        let reading = Reading::take(producers, &mut latencies);
        self.series.tick(now - self.start, &reading, &latencies);
        if let Some(live) = &mut self.live {
            live.tick(now - self.start, &reading, &latencies);
        }
        self.latencies.add(&latencies);
        self.last = reading;
    }

    /// After the last outcome. It has lasted until then, and at least so long.
    fn end(&mut self, producers: &[(Watched, Arc<Tally>)], least: Duration) {
        let mut latencies = Latencies::new();
        let reading = Reading::take(producers, &mut latencies);
        let end = reading.counts.last.unwrap_or_else(Instant::now);
        self.elapsed = end.saturating_duration_since(self.start).max(least);
        self.series.end(self.elapsed, &reading, &latencies, TICK);
        self.latencies.add(&latencies);
        self.last = reading;
        self.live = None;
    }

    fn result(self, setup: &Setup, partitions: usize, producers: &[(Watched, Arc<Tally>)]) -> PerfResult {
        let mut commits = Latencies::new();
        producers.iter().for_each(|(_, tally)| tally.add_commits(&mut commits));
        let batch_size = setup.batch_size();
        let measured = Measured {
            started_ms: self.started_ms,
            elapsed: self.elapsed,
            reading: self.last.since(&self.baseline),
            latencies: &self.latencies,
            batch_size,
            series: self.series.samples(batch_size),
            transactions: setup.transactions.as_ref().map(|transactions| (transactions.size, commits)),
        };
        PerfResult::new(measured, setup.settings(partitions))
    }
}
