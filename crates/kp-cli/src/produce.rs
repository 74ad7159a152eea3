//! `kp produce`: lines of files or stdin to records of a topic.
//! Owns: the course of a run. One thread reads and sends ([`feeder`]), callbacks count ([`outcomes`]), and the main
//! thread, here, draws progress, waits for the end or for Ctrl-C, and sums up.

pub(crate) mod feeder;
pub(crate) mod gate;
pub(crate) mod input;
pub(crate) mod input_record;
pub(crate) mod lines;
pub(crate) mod ndjson;
pub(crate) mod outages;
pub(crate) mod outcome_file;
pub(crate) mod outcome_line;
pub(crate) mod outcomes;
pub(crate) mod progress;
pub(crate) mod secured;
pub(crate) mod stopped;
pub(crate) mod summary;
pub(crate) mod template;
pub(crate) mod transaction_args;
pub(crate) mod transactional;

use std::{
    cell::Cell,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process,
    sync::{Arc, Mutex, OnceLock, PoisonError, atomic::Ordering, mpsc},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use kp_producer::{
    BuildError, Producer, ProducerConfig, SecurityReport, TransactionalProducer, blocking, config::Value,
};

use self::{
    feeder::Feeder,
    gate::Gate,
    input::{LineSyntax, Sources},
    outages::Outages,
    outcome_file::OutcomeFile,
    outcomes::Outcomes,
    progress::Progress,
    stopped::Stopped,
    summary::Summary,
    template::Template,
    transaction_args::Plan,
    transactional::Transactional,
};
use crate::{
    Failure,
    args::{Format, OutputArgs, ProduceArgs},
    configure::producer_config,
    console::Console,
    interrupt::{EXIT_INTERRUPTED, on_interrupt, on_usr1},
    prometheus,
    watched::Watched,
};

/// After a flush everything is settled; closing only has to end a thread.
const CLOSE_WITHIN: Duration = Duration::from_secs(10);

/// A second Ctrl-C waits no longer for the last lines of `--outcomes`.
const LAST_LINES_WITHIN: Duration = Duration::from_secs(2);

/// How often progress is drawn.
const TICK: Duration = Duration::from_millis(100);

/// A rate is taken over this much time.
const RATE_WINDOW: Duration = Duration::from_secs(1);

/// What can happen to a run.
enum Event {
    /// Nothing more is read: the end, or the reason.
    InputEnded(Option<Stopped>),
    /// The first Ctrl-C.
    Interrupted,
    /// SIGUSR1: the user asks why nothing goes out.
    WantsToKnow,
    /// Everything is settled, and the producer closed with so many records undelivered.
    Closed(u64),
}

/// # Errors
/// What kept the run from starting, or the outcomes from being written.
pub(crate) fn run(args: &ProduceArgs, output: &OutputArgs, console: &Console) -> Result<u8, Failure> {
    check(args)?;
    let mut config = producer_config(&args.config).map_err(Failure::usage)?;
    args.transactions.apply(&mut config).map_err(Failure::usage)?;
    let plan = args.transactions.plan(&config)?;
    let max_request_size = max_request_size(&config);
    // Before anything is begun: a Ctrl-C from here on is told, and ends the run in order.
    let (events, incoming) = mpsc::channel();
    let last_word = listen(&events, console)?;
    if let Some(address) = &args.metrics {
        let bound = prometheus::serve(address)?;
        console.note(format_args!("metrics at http://{bound}/metrics"));
    }
    let sending = Sending::build(config, plan, console)?;
    let gate = Arc::new(Gate::default());
    let sources = input::open(&args.files, line_limit(max_request_size, args.format), &gate)
        .map_err(|(name, error)| Failure::failed(format!("{name}: {error}")))?;
    if sources.is_terminal {
        console.note("reading records from the terminal, one per line; Ctrl-D ends them");
    }
    let (recording, lines_ended) = Recording::start(args.outcomes.as_deref(), &sources)?;
    let run = Run {
        watched: sending.watched(),
        gate,
        outcomes: Arc::clone(&recording.outcomes),
        console: console.clone(),
        max_request_size,
        is_reported: Arc::default(),
        security: Arc::default(),
    };
    let _ = last_word.set(Box::new(run.last_word(lines_ended, output.json)));
    let summary = run.carry(args, sources, sending, events, &incoming);
    run.watched.notices().iter().for_each(|notice| console.warn(notice));

    let written = recording.end();
    // A second Ctrl-C has its own last word, and never gives this back.
    let mut is_reported = run.is_reported.lock().unwrap_or_else(PoisonError::into_inner);
    *is_reported = true;
    report(&summary, &run, output, console)?;
    drop(is_reported);
    written?;
    Ok(match (summary.interrupted, summary.is_success()) {
        (true, _) => EXIT_INTERRUPTED,
        (false, true) => 0,
        (false, false) => 1,
    })
}

/// What a second Ctrl-C says, once there is something to say.
type LastWord = Arc<OnceLock<Box<dyn Fn() + Send + Sync>>>;

/// Turns the signals of the user into events.
///
/// # Errors
/// The system took no handler.
fn listen(events: &mpsc::Sender<Event>, console: &Console) -> Result<LastWord, Failure> {
    let last_word = LastWord::default();
    let (interrupted, last) = (events.clone(), Arc::clone(&last_word));
    on_interrupt(
        console.clone(),
        move || drop(interrupted.send(Event::Interrupted)),
        move || last.get().into_iter().for_each(|say| say()),
    )
    .map_err(Failure::failed)?;
    let asking = events.clone();
    on_usr1(move || drop(asking.send(Event::WantsToKnow))).map_err(Failure::failed)?;
    Ok(last_word)
}

/// The outcomes of a run, and the file that they are written to, if there is one.
struct Recording {
    outcomes: Arc<Outcomes>,
    file: Option<(PathBuf, JoinHandle<io::Result<()>>)>,
}

impl Recording {
    /// Begins to count, and to write if there is a path. The receiver learns when the last line is in the file.
    ///
    /// # Errors
    /// The file cannot be created.
    fn start(path: Option<&Path>, sources: &Sources) -> Result<(Self, mpsc::Receiver<()>), Failure> {
        let created = |path: &Path| match OutcomeFile::create(path) {
            Ok(file) => Ok((path.to_owned(), file)),
            Err(error) => Err(Failure::failed(format!("{}: {error}", path.display()))),
        };
        let file = path.map(created).transpose()?;
        let names: Vec<String> = sources.sources.iter().map(|source| source.name.clone()).collect();
        let lines = file.as_ref().map(|(_, file)| file.lines.clone());
        let outcomes = Arc::new(Outcomes::new(names.clone(), lines));
        let (ended, lines_ended) = mpsc::channel();
        let file = file.map(|(path, file)| (path, file.start(names, Arc::clone(&outcomes), ended)));
        Ok((Self { outcomes, file }, lines_ended))
    }

    /// Waits until the last line is written.
    ///
    /// # Errors
    /// The file did not take all of them.
    fn end(self) -> Result<(), Failure> {
        self.outcomes.end_file();
        let Some((path, writer)) = self.file else { return Ok(()) };
        let written = writer.join().unwrap_or_else(|_| {
            let panicked = "the thread that writes it has panicked";
            Err(io::Error::other(panicked))
        });
        written.map_err(|error| Failure::failed(format!("{}: {error}", path.display())))
    }
}

/// A producer, with its warnings told.
///
/// # Errors
/// A bad configuration is wrong usage; anything else is a failure.
pub(crate) fn build(config: ProducerConfig, console: &Console) -> Result<Producer, Failure> {
    let producer = Producer::builder(config).build().map_err(not_built)?;
    producer.warnings().iter().for_each(|warning| console.warn(warning));
    Ok(producer)
}

fn not_built(error: BuildError) -> Failure {
    match error {
        BuildError::Config(error) => Failure::usage(error),
        other => Failure::failed(other),
    }
}

/// What sends: with transactions or without.
enum Sending {
    Plain(Producer),
    Transactional(TransactionalProducer, Plan),
}

impl Sending {
    /// # Errors
    /// As of [`build`].
    fn build(config: ProducerConfig, plan: Option<Plan>, console: &Console) -> Result<Self, Failure> {
        let Some(plan) = plan else { return build(config, console).map(Self::Plain) };
        let producer = Producer::builder(config).build_transactional().map_err(not_built)?;
        producer.warnings().iter().for_each(|warning| console.warn(warning));
        Ok(Self::Transactional(producer, plan))
    }

    fn watched(&self) -> Watched {
        match self {
            Self::Plain(producer) => Watched::Plain(producer.clone()),
            Self::Transactional(producer, _) => Watched::Transactional(producer.observer()),
        }
    }
}

/// # Errors
/// The file of outcomes is stdout, or one of the inputs: it would be emptied before it is read. A key separator is
/// for lines.
fn check(args: &ProduceArgs) -> Result<(), Failure> {
    if args.format == Format::Ndjson && args.key_separator.is_some() {
        return Err(Failure::usage("--key-separator is for lines; a JSON object has a key of its own"));
    }
    let Some(path) = &args.outcomes else { return Ok(()) };
    if path == Path::new("-") {
        return Err(Failure::usage("--outcomes needs a file: - is not one, and stdout is for results"));
    }
    match input::find_same(&args.files, path) {
        Some(name) => Err(Failure::usage(format!("--outcomes {} is the input {name}", path.display()))),
        None => Ok(()),
    }
}

fn max_request_size(config: &ProducerConfig) -> usize {
    match config.get("max.request.size") {
        Some(Value::Integer(size)) => usize::try_from(size).unwrap_or(usize::MAX),
        _ => usize::MAX,
    }
}

/// Longer lines cannot be records: they are counted, not kept. Escapes make JSON longer than what it says.
fn line_limit(max_request_size: usize, format: Format) -> usize {
    match format {
        Format::Lines => max_request_size,
        Format::Ndjson => max_request_size.saturating_mul(8).saturating_add(64 * 1024),
    }
}

struct Run {
    watched: Watched,
    gate: Arc<Gate>,
    outcomes: Arc<Outcomes>,
    console: Console,
    max_request_size: usize,
    /// Held while the summary is printed, so that it is printed once.
    is_reported: Arc<Mutex<bool>>,
    /// How its connections were secured, as long as there were any.
    security: Arc<OnceLock<SecurityReport>>,
}

impl Run {
    /// Sends everything and answers when all of it is settled.
    fn carry(
        &self,
        args: &ProduceArgs,
        sources: Sources,
        sending: Sending,
        events: mpsc::Sender<Event>,
        incoming: &mpsc::Receiver<Event>,
    ) -> Summary {
        let progress = Progress::start(&self.console, sources.total_bytes);
        let bytes_read = Arc::clone(&sources.bytes_read);
        self.start_feeding(args, sources, sending, events.clone());

        let (mut samples, mut outages) = (Samples::new(), Outages::default());
        let (mut is_interrupted, mut is_closing, mut stopped) = (false, false, None);
        loop {
            let event = incoming.recv_timeout(TICK);
            let lately = samples.take(self.outcomes.counts().0);
            progress.show(bytes_read.load(Ordering::Relaxed), &self.outcomes, lately);
            outages.tell(&self.watched, &self.console);
            self.outcomes.take_unreported().iter().for_each(|failure| self.console.error(failure));
            match event {
                Ok(Event::Closed(undelivered)) => {
                    if undelivered > 0 {
                        self.console.error(format_args!("closed with {undelivered} records undelivered"));
                    }
                    break;
                }
                Ok(Event::InputEnded(reason)) => stopped = reason,
                Ok(Event::WantsToKnow) => {
                    self.console.error(self.watched.explain());
                    continue;
                }
                Ok(Event::Interrupted) => {
                    is_interrupted = true;
                    self.stop_accepting();
                }
                Err(mpsc::RecvTimeoutError::Timeout) => continue,
                // This function holds a sender itself.
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
            }
            if !is_closing {
                is_closing = true;
                self.start_closing(events.clone());
            }
        }
        drop(progress);
        self.conclude(is_interrupted, stopped)
    }

    /// The first Ctrl-C: from here on nothing more is accepted.
    fn stop_accepting(&self) {
        match &self.watched {
            Watched::Plain(_) => self.gate.shut(),
            // The end of a transaction may take its time; who sends says when it is there.
            Watched::Transactional(_) => self.gate.ask_to_end(),
        }
        self.console.error(match (&self.watched, self.outcomes.in_doubt()) {
            (Watched::Transactional(_), 1..) => {
                "interrupted: ending the transaction; Ctrl-C again leaves at once and says why it waited"
            }
            (_, 0) => "interrupted: nothing is on its way",
            (Watched::Plain(_), _) => {
                "interrupted: sending what was accepted; Ctrl-C again leaves at once and says why it waited"
            }
        });
    }

    /// What a second Ctrl-C does: the lines of `--outcomes` that are known, whole; what is in doubt; and the end.
    fn last_word(&self, lines_ended: mpsc::Receiver<()>, json: bool) -> impl Fn() + Send + Sync + 'static {
        let lines_ended = Mutex::new(lines_ended);
        let (outcomes, is_reported) = (Arc::clone(&self.outcomes), Arc::clone(&self.is_reported));
        let (console, watched) = (self.console.clone(), self.watched.clone());
        let security = Arc::clone(&self.security);
        move || {
            // Held until the process is gone, so that there are no two last words.
            let is_reported = is_reported.lock().unwrap_or_else(PoisonError::into_inner);
            if !*is_reported {
                let in_doubt = outcomes.in_doubt();
                if in_doubt > 0 {
                    console.error(watched.explain());
                }
                let summary = Summary::of_a_run_left(&outcomes.tally(), outcomes.sent(), outcomes.elapsed());
                outcomes.end_file();
                // Gone is what it waits for; a disk that hangs is not waited for.
                let lines_ended = lines_ended.lock().unwrap_or_else(PoisonError::into_inner);
                let _ = lines_ended.recv_timeout(LAST_LINES_WITHIN);
                console.error(format_args!("left at once; records in doubt: {in_doubt}"));
                if json {
                    // There is no place left to report that stdout is gone.
                    let security = security.get_or_init(|| watched.security());
                    let _ = writeln!(io::stdout(), "{}", secured::beside(summary.to_json(), Some(security)));
                }
            }
            process::exit(EXIT_INTERRUPTED.into());
        }
    }

    fn conclude(&self, is_interrupted: bool, stopped: Option<Stopped>) -> Summary {
        self.outcomes.take_unreported().iter().for_each(|failure| self.console.error(failure));
        let tally = self.outcomes.tally();
        let mut summary = Summary::new(self.outcomes.sent(), &tally, self.outcomes.elapsed());
        summary.interrupted = is_interrupted;
        if let Some(stopped) = stopped {
            // A line that failed was told already, unless many had failed before it.
            if stopped.is_counted && tally.silent_failures() == 0 {
                self.console.error("input stopped there: what follows was not read");
            } else {
                self.console.error(format_args!("input stopped: {}", stopped.reason));
            }
            summary.stopped = Some(stopped.reason);
        }
        summary
    }

    fn start_feeding(
        &self,
        args: &ProduceArgs,
        sources: Sources,
        sending: Sending,
        events: mpsc::Sender<Event>,
    ) {
        let template = Template {
            topic: args.topic.clone(),
            partition: args.partition,
            headers: args.header.clone(),
            syntax: LineSyntax { format: args.format, key_separator: args.key_separator.clone() },
        };
        match sending {
            Sending::Plain(producer) => self.feed(producer, template, sources, events),
            Sending::Transactional(producer, plan) => {
                let transactional = Transactional {
                    producer,
                    plan,
                    template,
                    outcomes: Arc::clone(&self.outcomes),
                    gate: Arc::clone(&self.gate),
                    console: self.console.clone(),
                    max_request_size: self.max_request_size,
                    partitions: Cell::new(None),
                };
                self.feed_transactions(transactional, sources, events);
            }
        }
    }

    fn feed(&self, producer: Producer, template: Template, sources: Sources, events: mpsc::Sender<Event>) {
        let feeder = Feeder {
            producer,
            outcomes: Arc::clone(&self.outcomes),
            gate: Arc::clone(&self.gate),
            template,
            max_request_size: self.max_request_size,
            partitions: Cell::new(None),
        };
        let ended = self.gate.guard();
        thread::spawn(move || {
            let run = std::panic::AssertUnwindSafe(|| feeder.run(sources.sources));
            let reason = std::panic::catch_unwind(run)
                .unwrap_or_else(|_| Some(Stopped::because("the thread that reads the input has panicked")));
            drop(ended);
            // The receiver is gone only when the run is over.
            let _ = events.send(Event::InputEnded(reason));
        });
    }

    /// The producer belongs to the thread that sends, which closes it too.
    fn feed_transactions(
        &self,
        mut transactional: Transactional,
        sources: Sources,
        events: mpsc::Sender<Event>,
    ) {
        let security = Arc::clone(&self.security);
        thread::spawn(move || {
            let run = std::panic::AssertUnwindSafe(|| transactional.run(sources.sources));
            let reason = std::panic::catch_unwind(run)
                .unwrap_or_else(|_| Some(Stopped::because("the thread that sends has panicked")));
            // The receiver is gone only when the run is over.
            let _ = events.send(Event::InputEnded(reason));
            let _ = events.send(Event::Closed(transactional.close(CLOSE_WITHIN, &security)));
        });
    }

    /// On a thread of its own, so that progress goes on.
    fn start_closing(&self, events: mpsc::Sender<Event>) {
        let Watched::Plain(producer) = &self.watched else { return };
        let (producer, gate) = (blocking::Producer::from(producer.clone()), Arc::clone(&self.gate));
        let security = Arc::clone(&self.security);
        thread::spawn(move || {
            gate.shut();
            // Both refuse only on the network thread, which this is not.
            let flushed = producer.flush();
            // A producer that is closed has no connections to tell of.
            security.get_or_init(|| producer.security());
            let undelivered =
                flushed.and_then(|()| producer.close(CLOSE_WITHIN)).map_or(0, |closed| closed.undelivered);
            let _ = events.send(Event::Closed(undelivered));
        });
    }
}

/// Counts at moments, to tell a rate by.
struct Samples(Vec<(Instant, u64)>);

impl Samples {
    fn new() -> Self {
        Self(vec![(Instant::now(), 0)])
    }

    /// How many came, in how much time, over the last second or so.
    fn take(&mut self, count: u64) -> (u64, Duration) {
        let now = Instant::now();
        self.0.push((now, count));
        while self.0.len() > 2 && now - self.0[1].0 >= RATE_WINDOW {
            self.0.remove(0);
        }
        let (since, before) = self.0[0];
        (count - before, now - since)
    }
}

fn report(summary: &Summary, run: &Run, output: &OutputArgs, console: &Console) -> Result<(), Failure> {
    let silent = run.outcomes.tally().silent_failures();
    if silent > 0 {
        console.error(format_args!("… and {} more failures", summary::thousands(silent)));
    }
    console.note(summary.to_text());
    if output.json {
        let json = secured::beside(summary.to_json(), run.security.get());
        writeln!(io::stdout(), "{json}").map_err(Failure::failed)?;
    }
    Ok(())
}
