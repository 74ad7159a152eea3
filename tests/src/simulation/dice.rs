//! Dice with words. Whatever is thrown follows from the seed.

use kp_sim::Weather;
use kp_time::Jitter;
use std::time::Duration;

/// Dice with words.
#[derive(Debug)]
pub struct Dice(Jitter);

impl Dice {
    /// Dice that fall alike for the same seed.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(Jitter::seeded(seed))
    }

    /// Whether something of this probability happens.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.0.unit() < probability
    }

    /// 0 to `bound`, without `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0.below(bound)
    }

    /// `least` to `most`, both included.
    pub fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.0.below(most - least + 1)
    }

    /// One of the choices, each as likely as the other.
    pub fn of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.0.below(choices.len() as u64) as usize]
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Weather that is not fine.
    pub fn rough_weather(&mut self) -> Weather {
        Weather {
            latency_least: Duration::from_micros(100),
            latency_most: Duration::from_micros(self.between(200, 20_000)),
            latency_jitter: Duration::from_micros(self.between(0, 5_000)),
            service_most: Duration::from_micros(self.between(10, 5_000)),
            window: *self.of(&[512usize, 4096, 262_144]),
            cut_before: *self.of(&[0.0, 0.0, 0.02, 0.1]),
            cut_after: *self.of(&[0.0, 0.0, 0.02, 0.1]),
            refused: *self.of(&[0.0, 0.1]),
            swallowed: *self.of(&[0.0, 0.0, 0.05]),
            unresolved: *self.of(&[0.0, 0.0, 0.1]),
            dead_address: *self.of(&[0.0, 0.3]),
        }
    }
}
