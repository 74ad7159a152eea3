//! What every record's sender was told: eight bytes each.

/// A record's fate. 0 = not known yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// Acknowledged at this place; the offset is not always told.
    Written {
        partition: u16,
        offset: Option<u64>,
    },
    NotWritten,
    Unknown,
}

const NOT_WRITTEN: u64 = 1;
const UNKNOWN: u64 = 2;
const WRITTEN: u64 = 3;
const NO_OFFSET: u64 = (1 << 46) - 1;

impl Told {
    /// Kind in 2 bits, partition in 16, offset in 46.
    pub(crate) fn pack(self) -> u64 {
        match self {
            Self::NotWritten => NOT_WRITTEN,
            Self::Unknown => UNKNOWN,
            Self::Written { partition, offset } => {
                WRITTEN | u64::from(partition) << 2 | offset.unwrap_or(NO_OFFSET) << 18
            }
        }
    }

    pub(crate) fn unpack(packed: u64) -> Option<Self> {
        match packed & 3 {
            NOT_WRITTEN => Some(Self::NotWritten),
            UNKNOWN => Some(Self::Unknown),
            WRITTEN => {
                let offset = Some(packed >> 18).filter(|offset| *offset != NO_OFFSET);
                Some(Self::Written { partition: (packed >> 2) as u16, offset })
            }
            _ => None,
        }
    }
}

/// All tasks; each has its records in the order of their numbers.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) tasks: Vec<Vec<u64>>,
}

impl Ledger {
    pub(crate) fn records(&self) -> u64 {
        self.tasks.iter().map(|task| task.len() as u64).sum()
    }

    pub(crate) fn acked(&self) -> u64 {
        let acked = |packed: &&u64| matches!(Told::unpack(**packed), Some(Told::Written { .. }));
        self.tasks.iter().map(|task| task.iter().filter(acked).count() as u64).sum()
    }
}
