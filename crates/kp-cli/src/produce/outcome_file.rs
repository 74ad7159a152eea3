//! `--outcomes FILE`: one JSON line per record, in the order in which they were settled.
//! Owns: the file, and the thread that writes it, so that the network thread never waits for a disk.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
};

use super::outcome_line::OutcomeLine;
use super::outcomes::Outcomes;

/// The file, created, and the way to it.
pub(crate) struct OutcomeFile {
    file: File,
    pub(crate) lines: mpsc::Sender<OutcomeLine>,
    incoming: mpsc::Receiver<OutcomeLine>,
}

impl OutcomeFile {
    /// # Errors
    /// The file cannot be created.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let file = File::create(path)?;
        let (lines, incoming) = mpsc::channel();
        Ok(Self { file, lines, incoming })
    }

    /// Starts the writer. It ends at [`OutcomeLine::End`] and answers how the writing went; `ended` is dropped when
    /// the last line is in the file.
    pub(crate) fn start(
        self,
        sources: Vec<String>,
        outcomes: Arc<Outcomes>,
        ended: mpsc::Sender<()>,
    ) -> JoinHandle<io::Result<()>> {
        thread::spawn(move || {
            let _ended = ended;
            let mut out = BufWriter::with_capacity(256 * 1024, self.file);
            let mut result = Ok(());
            for line in self.incoming {
                if matches!(line, OutcomeLine::End) {
                    break;
                }
                // A full disk ends the lines, not the sending: the error is reported at the end.
                result = result.and_then(|()| line.write(&sources, &mut out));
                outcomes.release();
            }
            result.and_then(|()| out.flush())
        })
    }
}
