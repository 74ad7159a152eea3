//! `cargo xtask report`: the page of `kp perf --report` in a real browser, measured from inside and photographed.
//!
//! Runs `kp perf` against the embedded broker, opens the pages in a headless Chromium with light, dark and narrow
//! windows, asks each page about its plots (`report/check.js`), and leaves screenshots for a person to look at. Without
//! a browser it says so and ends well, unless one is required.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;
use serde::Deserialize;

use crate::error::{Doing, XtaskError};
use crate::packages::output_of;
use crate::{programs, workspace};

/// How the pages are looked at.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Fail if there is no browser.
    #[arg(long)]
    require: bool,
    /// The browser, a Chromium; otherwise the first that is found on the PATH.
    #[arg(long, value_name = "PROGRAM")]
    browser: Option<PathBuf>,
}

const BROWSERS: [&str; 5] =
    ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome-headless-shell"];

const CHECK: &str = include_str!("report/check.js");

/// Nothing from outside; what asks for it is told to the check.
const POLICY: &str = "<meta http-equiv=\"Content-Security-Policy\" \
                      content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'\">";

/// A window that the pages are opened in.
struct View {
    name: &'static str,
    width: u32,
    height: u32,
    is_dark: bool,
}

const VIEWS: [View; 3] = [
    View { name: "light", width: 1280, height: 1900, is_dark: false },
    View { name: "dark", width: 1280, height: 1900, is_dark: true },
    View { name: "narrow", width: 500, height: 2600, is_dark: false },
];

/// A page, and what has to be on it.
struct Page {
    path: PathBuf,
    lines: usize,
    runs: usize,
}

/// What `check.js` found.
#[derive(Debug, Deserialize)]
struct Found {
    plots: usize,
    lines: usize,
    /// Of the brokers, added up: 1 for each run.
    shares: f64,
    background: String,
    problems: Vec<String>,
}

/// Draws the pages and looks at them.
///
/// # Errors
/// [`XtaskError::Failed`] with what is wrong with a page, or with `--require` no browser; a program that does not run.
pub fn run(args: &ReportArgs) -> Result<(), XtaskError> {
    let Some(browser) = args.browser.clone().or_else(find_browser) else {
        let missing = format!("none of {} is on the PATH, and --browser names no other", BROWSERS.join(", "));
        eprintln!("SKIPPED: the report of kp perf in a browser. {missing}");
        return if args.require { Err(XtaskError::Failed(missing)) } else { Ok(()) };
    };
    let directory = workspace::target_dir().join("report");
    fs::create_dir_all(&directory).doing(|| format!("making {}", directory.display()))?;
    let mut problems = Vec::new();
    for page in draw(&directory)? {
        let mut backgrounds = Vec::new();
        for view in &VIEWS {
            let found = look(&browser, &page, view)?;
            println!(
                "{}: {} plots, {} lines, {} problems",
                view.of(&page),
                found.plots,
                found.lines,
                found.problems.len()
            );
            problems.extend(
                judge(&found, &page).into_iter().map(|problem| format!("{}: {problem}", view.of(&page))),
            );
            backgrounds.push(found.background);
        }
        if backgrounds[0] == backgrounds[1] {
            problems.push(format!("{}: light and dark look the same", page.path.display()));
        }
    }
    println!("screenshots: {}/*.png", directory.display());
    if problems.is_empty() { Ok(()) } else { Err(XtaskError::Failed(problems.join("\n"))) }
}

fn find_browser() -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let all = BROWSERS.iter().flat_map(|name| env::split_paths(&path).map(move |folder| folder.join(name)));
    all.into_iter().find(|program| program.is_file())
}

/// One run with a rate, one with larger records, and both beside each other.
fn draw(directory: &Path) -> Result<Vec<Page>, XtaskError> {
    let kp = programs::build("kp-cli", "kp", false, &[])?;
    let place = |name: &str| directory.join(name);
    let (first, second, both) = (place("single.html"), place("second.html"), place("compared.html"));
    let common = ["--embedded", "--brokers", "3", "--duration", "2s", "--quiet", "--json"];
    let mut results = Vec::new();
    for (page, more) in [(&first, ["--rate", "20000/s"]), (&second, ["--size", "100..2000"])] {
        let result =
            output_of(Command::new(&kp).arg("perf").args(common).args(more).arg("--report").arg(page))?;
        let path = page.with_extension("json");
        fs::write(&path, result).doing(|| format!("writing {}", path.display()))?;
        results.push(path);
    }
    output_of(Command::new(&kp).args(["perf", "--compare"]).args(results).arg("--report").arg(&both))?;
    Ok(vec![Page { path: first, lines: 6, runs: 1 }, Page { path: both, lines: 12, runs: 2 }])
}

/// Opens a copy of the page that has the check in it, and photographs the page as it is.
fn look(browser: &Path, page: &Page, view: &View) -> Result<Found, XtaskError> {
    let html = fs::read_to_string(&page.path).doing(|| format!("reading {}", page.path.display()))?;
    let copy = page.path.with_extension("checked.html");
    let checked = html.replacen("<head>", &format!("<head>{POLICY}<script>{CHECK}</script>"), 1);
    fs::write(&copy, checked).doing(|| format!("writing {}", copy.display()))?;
    let dom = output_of(view.open(browser, &copy).arg("--dump-dom").arg(url(&copy)))?;
    let picture = page.path.with_file_name(format!("{}.png", view.of(page)));
    let screenshot = format!("--screenshot={}", picture.display());
    output_of(view.open(browser, &page.path).arg(screenshot).arg(url(&page.path)))?;
    found(&String::from_utf8_lossy(&dom)).ok_or_else(|| {
        XtaskError::Failed(format!(
            "{}: the check left nothing in the page; did its script run?",
            copy.display()
        ))
    })
}

/// What the check has left in the page's text.
fn found(dom: &str) -> Option<Found> {
    let (_, rest) = dom.split_once("<pre id=\"found\">")?;
    let (text, _) = rest.split_once("</pre>")?;
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    serde_json::from_str(&text).ok()
}

fn judge(found: &Found, page: &Page) -> Vec<String> {
    let mut problems = found.problems.clone();
    if (found.plots, found.lines) != (5, page.lines) {
        problems.push(format!(
            "{} plots with {} lines; 5 with {} were drawn",
            found.plots, found.lines, page.lines
        ));
    }
    // A bar is a little wider than nothing, and pixels are round.
    if (found.shares - page.runs as f64).abs() > 0.05 {
        problems.push(format!("the brokers' bars add up to {}; there are {} runs", found.shares, page.runs));
    }
    problems
}

impl View {
    fn of(&self, page: &Page) -> String {
        let name = page.path.file_stem().unwrap_or_default().to_string_lossy();
        format!("{name}-{}", self.name)
    }

    /// Without a sandbox, which root does not get: it opens only what was written here.
    fn open(&self, browser: &Path, page: &Path) -> Command {
        let mut command = Command::new(browser);
        command
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--hide-scrollbars",
                "--disable-extensions",
            ])
            .arg(format!("--user-data-dir={}", page.with_file_name("profile").display()))
            .arg(format!("--window-size={},{}", self.width, self.height))
            .arg("--virtual-time-budget=2000")
            .arg(format!("--blink-settings=preferredColorScheme={}", u8::from(!self.is_dark)));
        command
    }
}

fn url(path: &Path) -> String {
    format!("file://{}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(lines: usize, runs: usize) -> Page {
        Page { path: PathBuf::from("single.html"), lines, runs }
    }

    #[test]
    fn what_the_check_leaves_is_read_as_text() {
        let dom = "<body><pre id=\"found\">{\"plots\":5,\"lines\":6,\"shares\":1.0,\"background\":\"white\",\
                   \"problems\":[\"fill: \\\"1 &lt; 2\\\"\"]}</pre></body>";
        let found = found(dom).unwrap();
        assert_eq!((found.plots, found.problems.as_slice()), (5, &["fill: \"1 < 2\"".to_owned()][..]));
        assert!(super::found("<body></body>").is_none());
    }

    #[test]
    fn a_page_that_lacks_a_line_or_a_bar_is_wrong() {
        let found =
            Found { plots: 5, lines: 6, shares: 1.01, background: String::new(), problems: Vec::new() };
        assert!(judge(&found, &page(6, 1)).is_empty());
        assert_eq!(judge(&found, &page(12, 2)).len(), 2);
    }

    #[test]
    fn a_picture_is_named_after_page_and_window() {
        assert_eq!(VIEWS[1].of(&page(6, 1)), "single-dark");
    }
}
