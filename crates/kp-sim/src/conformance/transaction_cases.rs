//! The cases about transactions, as data, by family; and the rows of the table of measured answers that none of them asks, with
//! the reason. Every answer here was given by Apache Kafka 4.3.0, and by 3.9.1 unless the case says otherwise.

mod add;
mod coordinator;
mod end;
mod end_5;
mod init;
mod late;
mod offsets;
mod produce;
mod steps;
mod timeout;

use super::transaction::TransactionCase;

/// Every case.
#[must_use]
pub fn transaction_cases() -> Vec<TransactionCase> {
    let families = [
        coordinator::cases(),
        init::cases(),
        add::cases(),
        produce::cases(),
        end::cases(),
        end_5::cases(),
        offsets::cases(),
        timeout::cases(),
        late::cases(),
    ];
    families.into_iter().flatten().collect()
}

/// The rows of the table that no case asks, each with the reason.
pub const ROWS_NOT_ASKED: &[(&str, &str)] = &[
    ("F3", "a name that is asked for as that of a group has one of two answers, as the cluster's age has it"),
    ("V4", "needs unstable versions and two-phase commits to be on"),
    ("V5", "needs unstable versions and two-phase commits to be on"),
    ("E32 TV2", "needs four connections at once; which of them is first is chance"),
    ("src", "needs a coordinator that moves while a leader asks it; read in Kafka's source, not measured"),
    ("O14", "needs a group with members"),
    ("O15", "needs a group with members"),
    ("O16", "needs a group with members"),
    ("O17", "needs a group with members"),
    ("O18", "needs a group with members"),
    ("O19", "needs a group with members"),
    ("O20", "needs a group with members"),
    ("O34", "needs a group with static members"),
    ("O35", "needs a group with static members"),
    ("O36", "needs a group with static members"),
    ("O41", "needs a group of the new protocol"),
    ("O42", "needs a group of the new protocol"),
    ("O43", "needs a group of the new protocol"),
    ("O44", "needs a group of the new protocol"),
    ("O45", "needs a group of the new protocol"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Every row of the table of measured answers.
    const ROWS: &str = "F1 F3 F4 F6 F7 F9 \
        I1 I2 I3 I4 I5 I6 I7 I8 I9 I10 I11 I12 I13 I14 I15 I16 V1 V2 V3 V4 V5 \
        A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 O1 O2 O3 O4 O5 O6 \
        P1 P2 P3 P4 P5 P6 P7 P8 P9 P10 P11 P12 P13 P14 P15 P17 P18 P19 P20 P21 P22 P23 P24 src \
        E1-TV1 E2-TV1 E3-TV1 E4-TV1 E5-TV1 E6-TV1 E7-TV1 E11-TV1 E13-TV1 E15-TV1 E20 E21 E22 E23 \
        E1-TV2 E2-TV2 E3-TV2 E4-TV2 E5-TV2 E6-TV2 E7-TV2 E9 E10 E11-TV2 E12 E13-TV2 E14 E15-TV2 E16 \
        E30 E31 E32-TV2 E33 X1 X2 X3 X4 X5 X6 \
        O11 O12 O13 O14 O15 O16 O17 O18 O19 O20 O21 O22 O23 O24 O25 O26 O27 O28 O29 O30 O31 O32 \
        O34 O35 O36 O41 O42 O43 O44 O45 \
        T2 T3 T4 T5 T6 T7 T8 T9 L1 L2 L3 L4 L5 L6 L7 L8 L9 L10 L11 1.1 1.10";

    #[test]
    fn each_measured_row_is_asked_or_said_not_to_be_and_why() {
        let rows: BTreeSet<String> = ROWS.split_whitespace().map(|row| row.replace('-', " ")).collect();
        let asked: BTreeSet<String> =
            transaction_cases().iter().flat_map(|case| case.rows).map(ToString::to_string).collect();
        let not_asked: BTreeSet<String> = ROWS_NOT_ASKED.iter().map(|(row, _)| (*row).to_owned()).collect();
        assert_eq!(asked.intersection(&not_asked).count(), 0, "a row is asked or it is not");
        assert_eq!(asked.union(&not_asked).cloned().collect::<BTreeSet<_>>(), rows);
    }
}
