//! What simulations of whole producers share: dice, the tasks of an application and their timers, faults of a cluster, the loop
//! over many seeds, and the loop that makes a failing plan small. Judges nothing: the laws do.

pub mod dice;
pub mod seeds;
pub mod shrinking;
pub mod tasks;
pub mod timers;
pub mod trouble;
