//! One plot as SVG: axes, grid, a path for each line, and the points once more for a pointer to find.
//! Owns: scales, ticks and places on the page. Pure.

use std::fmt::Write as _;

use serde_json::json;

use super::html::escape;

const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 240.0;
const LEFT: f64 = 58.0;
const RIGHT: f64 = 28.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 28.0;

/// A plot and what is in it.
pub(crate) struct Plot {
    /// For finding it on the page.
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    /// What has to be known to read it.
    pub(crate) note: String,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) lines: Vec<Line>,
}

pub(crate) struct Axis {
    pub(crate) scale: Scale,
    /// A round number in words, beside a tick.
    pub(crate) tick: fn(f64) -> String,
    /// Any number in words, when it is pointed at.
    pub(crate) label: fn(f64) -> String,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Scale {
    /// From 0.
    Linear,
    /// By powers of ten, from the smallest number.
    Log,
    /// Shares of so many records: 90 %, 99 %, 99.9 % stand in equal distances.
    Tail(u64),
}

pub(crate) struct Line {
    pub(crate) name: String,
    /// Of CSS: its colour, and whether it is dashed.
    pub(crate) class: &'static str,
    /// A point without a number is a gap.
    pub(crate) points: Vec<(f64, Option<f64>)>,
}

/// A scale with its ends, onto a stretch of the page.
struct Stretch {
    scale: Scale,
    from: f64,
    to: f64,
    ticks: Vec<f64>,
    page_from: f64,
    page_to: f64,
}

impl Plot {
    /// A figure of HTML.
    pub(crate) fn draw(&self) -> String {
        let mut html = String::new();
        // Writing to a String cannot fail.
        let _ = write!(
            html,
            "<figure class=\"plot\" id=\"{}\">\n<figcaption><h2>{}</h2>",
            self.id,
            escape(self.title)
        );
        if self.lines.len() > 1 {
            html += "<ul class=\"legend\">";
            for line in &self.lines {
                let _ = write!(html, "<li><i class=\"{}\"></i>{}</li>", line.class, escape(&line.name));
            }
            html += "</ul>";
        }
        let _ = write!(html, "<p>{}</p></figcaption>\n{}</figure>\n", escape(&self.note), self.svg());
        html
    }

    fn svg(&self) -> String {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let ys: Vec<f64> = points().filter_map(|(_, y)| *y).collect();
        if ys.is_empty() {
            return "<p class=\"nothing\">Nothing to draw.</p>\n".to_owned();
        }
        let xs: Vec<f64> = points().filter(|(_, y)| y.is_some()).map(|(x, _)| *x).collect();
        let x = Stretch::new(self.x.scale, &xs, LEFT, WIDTH - RIGHT, 7);
        let y = Stretch::new(self.y.scale, &ys, HEIGHT - BOTTOM, TOP, 5);
        let title = escape(self.title);
        let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">\n");
        self.draw_axes(&mut svg, &x, &y);
        for line in &self.lines {
            let _ = writeln!(
                svg,
                "<path class=\"line {}\" data-name=\"{}\" d=\"{}\"/>",
                line.class,
                escape(&line.name),
                path(&line.points, &x, &y)
            );
            for (at, number) in alone(&line.points) {
                let (at, number, class) = (x.place(at), y.place(number), line.class);
                let _ =
                    writeln!(svg, "<circle class=\"{class}\" cx=\"{at:.1}\" cy=\"{number:.1}\" r=\"3\"/>");
            }
        }
        let _ = writeln!(
            svg,
            "<line class=\"cross\" y1=\"{TOP}\" y2=\"{}\" visibility=\"hidden\"/>\n</svg>",
            HEIGHT - BOTTOM
        );
        let _ = writeln!(svg, "<script type=\"application/json\">{}</script>", self.pointed_at(&x, &y));
        svg
    }

    fn draw_axes(&self, svg: &mut String, x: &Stretch, y: &Stretch) {
        let mut across = |class: &str, at: f64| {
            let _ = writeln!(
                svg,
                "<line class=\"{class}\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>",
                WIDTH - RIGHT
            );
        };
        y.ticks.iter().for_each(|tick| across("grid", y.place(*tick)));
        across("base", HEIGHT - BOTTOM);
        for tick in &y.ticks {
            let (at, label) = (y.place(*tick) + 4.0, escape(&(self.y.tick)(*tick)));
            let _ =
                writeln!(svg, "<text x=\"{}\" y=\"{at:.1}\" text-anchor=\"end\">{label}</text>", LEFT - 8.0);
        }
        for tick in &x.ticks {
            let (at, label) = (x.place(*tick), escape(&(self.x.tick)(*tick)));
            let _ = writeln!(
                svg,
                "<text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{label}</text>",
                HEIGHT - BOTTOM + 18.0
            );
        }
    }

    /// For the script: where each point is, and what it says.
    fn pointed_at(&self, x: &Stretch, y: &Stretch) -> String {
        let tenths = |number: f64| (number * 10.0).round() / 10.0;
        let line = |line: &Line| {
            let there = line.points.iter().filter_map(|(at, y)| Some((*at, (*y)?)));
            let points: Vec<_> = there
                .map(|(at, number)| {
                    let place = (tenths(x.place(at)), tenths(y.place(number)));
                    json!([place.0, place.1, (self.x.label)(at), (self.y.label)(number)])
                })
                .collect();
            json!({ "name": line.name, "class": line.class, "points": points })
        };
        let lines: Vec<_> = self.lines.iter().map(line).collect();
        // Inside a script element nothing may look like its end.
        serde_json::Value::from(lines).to_string().replace('<', "\\u003c")
    }
}

impl Stretch {
    fn new(scale: Scale, numbers: &[f64], page_from: f64, page_to: f64, most_ticks: usize) -> Self {
        let least = numbers.iter().copied().fold(f64::INFINITY, f64::min);
        let most = numbers.iter().copied().fold(0.0, f64::max);
        let (from, to, ticks) = match scale {
            Scale::Linear => linear(most, most_ticks),
            Scale::Log => logarithmic(least, most, most_ticks),
            Scale::Tail(records) => tail(records),
        };
        // Only heights are rounded up; time ends where it ended, or at a tick that is next to it.
        let is_time = page_from < page_to && scale == Scale::Linear && most > 0.0;
        let near = ticks.iter().copied().find(|tick| (most..most * 1.03).contains(tick));
        let to = if is_time { near.unwrap_or(most) } else { to };
        let ticks = ticks.into_iter().filter(|tick| *tick <= to * (1.0 + 1e-9)).collect();
        Self { scale, from, to, ticks, page_from, page_to }
    }

    fn place(&self, number: f64) -> f64 {
        let way = |number: f64| match self.scale {
            Scale::Linear => number,
            Scale::Log => number.max(self.from).log10(),
            Scale::Tail(records) => distance(number, records),
        };
        let share = (way(number) - way(self.from)) / (way(self.to) - way(self.from));
        self.page_from + share * (self.page_to - self.page_from)
    }
}

/// 90 % is at 1, 99 % at 2; all of so many records is where the last of them is.
fn distance(share: f64, records: u64) -> f64 {
    let least = 1.0 / records.max(10) as f64;
    -(1.0 - share).max(least).log10()
}

/// 1, 2 or 5 times a power of ten: the next that is not below.
fn round_up(number: f64) -> f64 {
    let power = 10_f64.powf(number.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|digit| digit * power)
        .find(|round| *round >= number * (1.0 - 1e-9))
        .unwrap_or(number)
}

fn linear(most: f64, ticks: usize) -> (f64, f64, Vec<f64>) {
    let most = if most > 0.0 { most } else { 1.0 };
    let step = round_up(most / ticks as f64);
    let steps = (most / step - 1e-9).ceil() as u32;
    (0.0, f64::from(steps) * step, (0..=steps).map(|number| f64::from(number) * step).collect())
}

fn logarithmic(least: f64, most: f64, ticks: usize) -> (f64, f64, Vec<f64>) {
    // A microsecond, where the numbers are milliseconds.
    let least = least.max(0.001);
    let to = round_up(most.max(least * 1.01));
    let round_down = |number: f64| {
        let up = round_up(number);
        if up <= number * (1.0 + 1e-9) { up } else { 1.0 / round_up(1.0 / number) }
    };
    let from = round_down(least).min(to / 2.0);
    let all = |digits: &[f64]| -> Vec<f64> {
        let powers = (from.log10().floor() as i32)..=(to.log10().ceil() as i32);
        let numbers = powers.flat_map(|power| digits.iter().map(move |digit| digit * 10_f64.powi(power)));
        numbers.filter(|number| (from * (1.0 - 1e-9)..=to * (1.0 + 1e-9)).contains(number)).collect()
    };
    let fine = all(&[1.0, 2.0, 5.0]);
    (from, to, if fine.len() > ticks + 2 { all(&[1.0]) } else { fine })
}

fn tail(records: u64) -> (f64, f64, Vec<f64>) {
    let nines = [0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999, 0.999_999, 0.999_999_9];
    let end = distance(1.0, records);
    let ticks = nines.into_iter().filter(|share| distance(*share, u64::MAX) <= end + 1e-9).collect();
    (0.0, 1.0, ticks)
}

/// `M` begins a stretch, `L` goes on.
fn path(points: &[(f64, Option<f64>)], x: &Stretch, y: &Stretch) -> String {
    let mut path = String::new();
    for (place, (at, number)) in points.iter().enumerate() {
        let Some(number) = number else { continue };
        let letter = if is_there(points, place.checked_sub(1)) { 'L' } else { 'M' };
        let _ = write!(path, "{letter}{:.1} {:.1}", x.place(*at), y.place(*number));
    }
    path
}

/// Points with a gap on both sides, which a path does not show.
fn alone(points: &[(f64, Option<f64>)]) -> impl Iterator<Item = (f64, f64)> {
    points.iter().enumerate().filter_map(|(place, (at, number))| {
        let has_neighbour = is_there(points, place.checked_sub(1)) || is_there(points, Some(place + 1));
        number.filter(|_| !has_neighbour).map(|number| (*at, number))
    })
}

fn is_there(points: &[(f64, Option<f64>)], place: Option<usize>) -> bool {
    place.and_then(|place| points.get(place)).is_some_and(|(_, number)| number.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(points: Vec<(f64, Option<f64>)>) -> Plot {
        let axis =
            |scale| Axis { scale, tick: |_| "<s>".to_owned(), label: |number| format!("{number} <s>") };
        let line = Line { name: "a & b".to_owned(), class: "s1", points };
        Plot {
            id: "p",
            title: "<t>",
            note: "n".to_owned(),
            x: axis(Scale::Linear),
            y: axis(Scale::Log),
            lines: vec![line],
        }
    }

    fn path_of(html: &str) -> &str {
        html.split(" d=\"").nth(1).unwrap().split('"').next().unwrap()
    }

    #[test]
    fn a_line_has_as_many_points_as_there_are_numbers() {
        for count in [1, 2, 600] {
            let html = plot((1..=count).map(|number| (f64::from(number), Some(2.0))).collect()).draw();
            let path = path_of(&html);
            assert_eq!((path.matches('M').count(), path.matches('L').count()), (1, count as usize - 1));
        }
    }

    #[test]
    fn a_gap_is_a_gap_and_a_point_alone_a_dot() {
        let html = plot(vec![(1.0, Some(1.0)), (2.0, None), (3.0, Some(1.0)), (4.0, Some(2.0))]).draw();
        let path = path_of(&html);
        assert_eq!(path.chars().filter(char::is_ascii_alphabetic).collect::<String>(), "MML");
        assert_eq!(html.matches("<circle").count(), 1);
    }

    #[test]
    fn nothing_can_leave_its_element() {
        let html = plot(vec![(1.0, Some(1.0))]).draw();
        assert!(html.contains("<h2>&lt;t&gt;</h2>") && html.contains("data-name=\"a &amp; b\""), "{html}");
        assert!(!html.contains("<s>"), "{html}");
        assert!(plot(vec![(1.0, None)]).draw().contains("Nothing to draw"));
    }

    #[test]
    fn ticks_are_round_numbers_around_what_is_drawn() {
        assert_eq!(linear(237.0, 5), (0.0, 250.0, vec![0.0, 50.0, 100.0, 150.0, 200.0, 250.0]));
        assert_eq!(linear(0.0, 5).1, 1.0);
        let near = |found: Vec<f64>, wanted: &[f64]| {
            assert_eq!(found.len(), wanted.len(), "{found:?}");
            found.iter().zip(wanted).for_each(|(found, wanted)| assert!((found / wanted - 1.0).abs() < 1e-9));
        };
        let (from, to, ticks) = logarithmic(1.3, 42.0, 5);
        near(vec![from, to], &[1.0, 50.0]);
        near(ticks, &[1.0, 2.0, 5.0, 10.0, 20.0, 50.0]);
        let (from, to, ticks) = logarithmic(0.3, 4200.0, 5);
        near(vec![from, to], &[0.2, 5000.0]);
        near(ticks, &[1.0, 10.0, 100.0, 1000.0]);
        let (from, to, _) = logarithmic(5.0, 5.0, 5);
        assert!(from <= 5.0 && to > 5.0);
        assert_eq!(tail(100_000).2, [0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999]);
    }

    #[test]
    fn time_ends_where_it_ended_or_at_a_tick_beside_it() {
        let end = |most: f64| Stretch::new(Scale::Linear, &[0.0, most], 0.0, 100.0, 7).to;
        assert_eq!([end(19.95), end(17.0)], [20.0, 17.0]);
        let height = Stretch::new(Scale::Linear, &[0.0, 17.0], 100.0, 0.0, 5);
        assert_eq!((height.to, height.place(0.0), height.place(20.0)), (20.0, 100.0, 0.0));
    }

    #[test]
    fn the_tail_is_stretched_and_ends_with_the_last_record() {
        let stretch = Stretch::new(Scale::Tail(10_000), &[0.1, 1.0], 0.0, 100.0, 7);
        let places = [0.0, 0.9, 0.99, 0.999, 0.9999, 1.0].map(|share| stretch.place(share).round());
        assert_eq!(places, [0.0, 25.0, 50.0, 75.0, 100.0, 100.0]);
    }
}
