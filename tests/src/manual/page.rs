//! A page of Markdown, as far as the manual uses it: headings, fenced code, code in a line, links, tables.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::bpf::root;

/// A page.
#[derive(Clone, Debug)]
pub struct Page {
    /// Its path below the repository's root.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
}

/// A block of fenced code.
#[derive(Clone, Debug)]
pub struct Fence {
    /// What stands behind the opening fence: `sh`, `toml`, ...
    pub info: String,
    /// The number of its first line, from 1.
    pub first: usize,
    /// Its lines, without the indentation of the fence.
    pub lines: Vec<String>,
}

/// A heading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heading {
    /// What a link to it has behind `#`.
    pub anchor: String,
    /// Its text, with its code marks.
    pub text: String,
}

/// The README and every chapter.
pub fn manual() -> Vec<Page> {
    let mut paths = vec![PathBuf::from("README.md")];
    for entry in std::fs::read_dir(root().join("sensor/docs")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(name.ends_with(".md"), "{name} is no chapter");
        paths.push(Path::new("sensor/docs").join(name));
    }
    paths[1..].sort();
    paths.into_iter().map(Page::read).collect()
}

impl Page {
    /// Reads a page of the repository.
    pub fn read(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let text = std::fs::read_to_string(root().join(&path)).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        Self { path, text }
    }

    /// Writes it back.
    pub fn write(&self) {
        std::fs::write(root().join(&self.path), &self.text).unwrap();
    }

    /// `path, line N`, for messages.
    pub fn at(&self, line: usize) -> String {
        format!("{}, line {line}", self.path.display())
    }

    /// Its fenced code, in order.
    pub fn fences(&self) -> Vec<Fence> {
        let mut fences: Vec<Fence> = Vec::new();
        let mut open: Option<usize> = None;
        for (number, line) in (1..).zip(self.text.lines()) {
            let content = line.trim_start();
            match (open, content.strip_prefix("```")) {
                (None, Some(info)) => {
                    open = Some(line.len() - content.len());
                    fences.push(Fence { info: info.trim().to_owned(), first: number + 1, lines: Vec::new() });
                }
                (Some(_), Some(_)) => open = None,
                (Some(indent), None) => {
                    let line = line.get(indent..).unwrap_or_default().to_owned();
                    fences.last_mut().unwrap().lines.push(line);
                }
                (None, None) => {}
            }
        }
        assert!(open.is_none(), "{}: a fence is not closed", self.path.display());
        fences
    }

    /// The lines outside fenced code, with their numbers.
    pub fn prose(&self) -> Vec<(usize, &str)> {
        let mut is_code = false;
        let mut prose = Vec::new();
        for (number, line) in (1..).zip(self.text.lines()) {
            if line.trim_start().starts_with("```") {
                is_code = !is_code;
            } else if !is_code {
                prose.push((number, line));
            }
        }
        prose
    }

    /// Its headings.
    pub fn headings(&self) -> Vec<Heading> {
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        let headings = self.prose().into_iter().filter_map(|(_, line)| {
            let text = line.trim_start_matches('#');
            let text = (text.len() < line.len()).then(|| text.strip_prefix(' ')).flatten()?;
            let base = anchor(text);
            let count = seen.entry(base.clone()).or_default();
            let anchor = if *count == 0 { base } else { format!("{base}-{count}") };
            *count += 1;
            Some(Heading { anchor, text: text.to_owned() })
        });
        headings.collect()
    }

    /// The targets of its links, with the lines' numbers.
    pub fn links(&self) -> Vec<(usize, String)> {
        let mut links = Vec::new();
        for (number, line) in self.prose() {
            // In a table a column's bar is escaped; code may show brackets of its own.
            let text: String = line.split('`').step_by(2).collect::<Vec<_>>().join("``");
            for after in text.split("](").skip(1) {
                links.push((number, after.split(')').next().unwrap().to_owned()));
            }
        }
        links
    }

    /// Code in the prose, with the lines' numbers.
    pub fn spans(&self) -> Vec<(usize, String)> {
        let mut spans = Vec::new();
        let mut paragraph: Vec<(usize, &str)> = Vec::new();
        let end = (usize::MAX, "");
        for (number, line) in self.prose().into_iter().chain([end]) {
            let breaks = line.trim().is_empty() || line.trim_start().starts_with(['|', '-', '#']);
            if breaks || paragraph.last().is_some_and(|(last, _)| last + 1 != number) {
                spans.extend(spans_of(&paragraph));
                paragraph.clear();
            }
            paragraph.push((number, line));
        }
        spans
    }

    /// The rows of its tables, each with the heading above it, the line's number, and its cells.
    pub fn rows(&self) -> Vec<(String, usize, Vec<String>)> {
        let mut heading = String::new();
        let mut rows = Vec::new();
        for (number, line) in self.prose() {
            if line.starts_with('#') {
                heading = line.trim_start_matches('#').trim().to_owned();
            }
            let Some(row) = line.strip_prefix('|').and_then(|row| row.trim_end().strip_suffix('|')) else { continue };
            let cells = row.replace("\\|", "\0");
            let cells: Vec<String> = cells.split('|').map(|cell| cell.trim().replace('\0', "|")).collect();
            if !cells[0].starts_with("--") {
                rows.push((heading.clone(), number, cells));
            }
        }
        rows
    }

    /// What stands between `<!-- generated: NAME -->` and `<!-- end -->`.
    pub fn generated(&self, name: &str) -> &str {
        let (_, after) = self.text.split_once(&begin(name)).unwrap_or_else(|| panic!("{:?} has no {name}", self.path));
        after.split_once(END).unwrap().0
    }

    /// Puts `text` there.
    pub fn set_generated(&mut self, name: &str, text: &str) {
        let old = format!("{}{}{END}", begin(name), self.generated(name));
        self.text = self.text.replace(&old, &format!("{}{text}{END}", begin(name)));
    }
}

/// Whether generated parts are to be made anew.
pub fn is_update() -> bool {
    std::env::var_os("SENSOR_UPDATE").is_some_and(|value| value == "1")
}

const END: &str = "<!-- end -->\n";

fn begin(name: &str) -> String {
    format!("<!-- generated: {name} -->\n")
}

/// What GitHub makes of a heading's text.
fn anchor(text: &str) -> String {
    let kept = text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// Code marks may open in one line and close in the next.
fn spans_of(paragraph: &[(usize, &str)]) -> Vec<(usize, String)> {
    let mut spans = Vec::new();
    let (mut is_code, mut code, mut begun) = (false, String::new(), 0);
    for (number, line) in paragraph {
        for (place, part) in line.trim().split('`').enumerate() {
            if place > 0 {
                if is_code {
                    spans.push((begun, std::mem::take(&mut code)));
                }
                is_code = !is_code;
                begun = *number;
            }
            if is_code {
                code.push_str(part);
            }
        }
        if is_code {
            code.push(' ');
        }
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(text: &str) -> Page {
        Page { path: "x.md".into(), text: text.to_owned() }
    }

    #[test]
    fn fenced_code_in_a_list_loses_its_indentation() {
        let fences = page("1. a\n\n   ```sh\n   ls -l\n\n   pwd\n   ```\n\n```\nx\n```\n").fences();
        assert_eq!((fences[0].info.as_str(), fences[0].first), ("sh", 4));
        assert_eq!(fences[0].lines, ["ls -l", "", "pwd"]);
        assert_eq!(fences[1].lines, ["x"]);
    }

    #[test]
    fn headings_have_the_anchors_that_links_use() {
        let page = page("# `[[policy.rule]]`\n## What is it: a, b?\n```\n# no heading\n```\n# a b\n# A b\n");
        let anchors: Vec<String> = page.headings().into_iter().map(|heading| heading.anchor).collect();
        assert_eq!(anchors, ["policyrule", "what-is-it-a-b", "a-b", "a-b-1"]);
    }

    #[test]
    fn links_are_found_outside_code() {
        let page = page("see [a](b.md#c) and `[d](e)`\n```\n[f](g)\n```\n| [h](#i) |\n");
        assert_eq!(page.links(), [(1, "b.md#c".to_owned()), (5, "#i".to_owned())]);
    }

    #[test]
    fn code_may_go_on_in_the_next_line() {
        let page = page("a `b` and `sensor\nhosts` c\n| `x` |\n| `y |\n");
        assert_eq!(page.spans(), [(1, "b".to_owned()), (1, "sensor hosts".to_owned()), (3, "x".to_owned())]);
    }

    #[test]
    fn rows_know_their_heading() {
        let page = page("## Keys\n| key | value |\n|---|--:|\n| `a` | x\\|y |\n");
        let cells = |cells: [&str; 2]| cells.map(str::to_owned).to_vec();
        let expected = [(2, cells(["key", "value"])), (4, cells(["`a`", "x|y"]))];
        assert_eq!(page.rows(), expected.map(|(number, cells)| ("Keys".to_owned(), number, cells)));
    }
}
