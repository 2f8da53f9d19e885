//! The structure of the source tree, read from the sources: which file is which module, and which file uses which. What is
//! compiled for tests only is left out. Arrows are imports and paths; a mere `mod` declaration is none, nor is a method call.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

/// One package's sources.
pub struct Crate {
    /// The package's name in code, such as `sensor_core`.
    pub name: String,
    /// Its files, in the order of their paths.
    pub files: Vec<File>,
}

/// One source file.
pub struct File {
    /// Where it lies, below the repository's root.
    pub path: PathBuf,
    /// Its module: the path behind `crate::`, empty for the root.
    pub module: Vec<String>,
    /// Its text.
    pub text: String,
    /// The files of the same crate that it uses, by number.
    pub uses: BTreeSet<usize>,
    /// The full paths that it names in other crates and its own, such as `sensor_core::types::Mac`.
    pub paths: BTreeSet<Vec<String>>,
}

impl Crate {
    /// Reads the sources below `root`/`folder`; `entries` are the files that are crate roots (`lib.rs`, `main.rs`).
    pub fn read(root: &Path, folder: &str, name: &str) -> anyhow::Result<Self> {
        let mut files = Vec::new();
        let base = root.join(folder);
        for path in rust_files(&base)? {
            let text = std::fs::read_to_string(&path)?;
            let below = path.strip_prefix(&base)?.with_extension("");
            let mut module: Vec<String> = below.iter().map(|part| part.to_string_lossy().into_owned()).collect();
            if module.last().is_some_and(|last| last == "mod") || matches!(&module[..], [root] if root == "lib") {
                module.pop();
            }
            let path = path.strip_prefix(root)?.to_owned();
            files.push(File { path, module, text, uses: BTreeSet::new(), paths: BTreeSet::new() });
        }
        let modules: BTreeMap<Vec<String>, usize> =
            files.iter().enumerate().map(|(number, file)| (file.module.clone(), number)).collect();
        for (number, file) in files.iter_mut().enumerate() {
            let mut reader = Reader { modules: &modules, module: file.module.clone(), found: BTreeSet::new(), name };
            let parsed = syn::parse_file(&file.text);
            reader.visit_file(&parsed.with_context(|| format!("{} is no Rust", file.path.display()))?);
            let own = |path: &Vec<String>| (path[0] == name).then(|| home(&modules, &path[1..]));
            file.uses = reader.found.iter().filter_map(own).filter(|to| *to != number).collect();
            file.paths = reader.found;
        }
        Ok(Self { name: name.to_owned(), files })
    }

    /// Sets of files that use each other in a circle, each in the order of their paths.
    pub fn circles(&self) -> Vec<Vec<&Path>> {
        let reach: Vec<BTreeSet<usize>> = (0..self.files.len()).map(|from| self.reach(from)).collect();
        let mut circles: BTreeSet<Vec<&Path>> = BTreeSet::new();
        for (from, below) in reach.iter().enumerate() {
            if below.contains(&from) {
                let round = below.iter().filter(|to| reach[**to].contains(&from));
                circles.insert(round.map(|file| self.files[*file].path.as_path()).collect());
            }
        }
        circles.into_iter().collect()
    }

    /// Everything that a file uses, at first or second hand.
    fn reach(&self, from: usize) -> BTreeSet<usize> {
        let mut seen = BTreeSet::new();
        let mut next: Vec<usize> = self.files[from].uses.iter().copied().collect();
        while let Some(file) = next.pop() {
            if seen.insert(file) {
                next.extend(&self.files[file].uses);
            }
        }
        seen
    }
}

/// The Rust files below a folder, without those that hold tests or what tests use.
pub fn rust_files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && !["tests", "fixture", "target"].contains(&name.as_str()) {
            files.extend(rust_files(&path)?);
        } else if name.ends_with(".rs") && !["tests.rs", "fixture.rs", "hostile.rs"].contains(&name.as_str()) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The file that defines what a path names: the longest part of it that is a module.
fn home(modules: &BTreeMap<Vec<String>, usize>, path: &[String]) -> usize {
    let lengths = (0..=path.len()).rev();
    lengths.filter_map(|length| modules.get(&path[..length])).copied().next().unwrap_or(0)
}

struct Reader<'a> {
    modules: &'a BTreeMap<Vec<String>, usize>,
    module: Vec<String>,
    found: BTreeSet<Vec<String>>,
    name: &'a str,
}

impl Reader<'_> {
    /// Notes a path as it stands in the file, made absolute.
    fn note(&mut self, path: &[String]) {
        let Some(first) = path.first() else { return };
        let mut full = vec![self.name.to_owned()];
        let mut rest = path;
        match first.as_str() {
            "crate" => rest = &path[1..],
            "self" | "super" => {
                let mut here = self.module.clone();
                while let [step @ ("self" | "super"), ..] = &rest.iter().map(String::as_str).collect::<Vec<_>>()[..] {
                    if *step == "super" {
                        here.pop();
                    }
                    rest = &rest[1..];
                }
                full.extend(here);
            }
            child if self.modules.contains_key(&[&self.module[..], &[child.to_owned()]].concat()) => {
                full.extend(self.module.clone());
            }
            _ => full.clear(),
        }
        full.extend(rest.iter().cloned());
        if full.len() > 1 {
            self.found.insert(full);
        }
    }

    fn tree(&mut self, before: &[String], tree: &syn::UseTree) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.tree(&with(&path.ident), &path.tree),
            syn::UseTree::Name(name) if name.ident == "self" => self.note(before),
            syn::UseTree::Name(name) => self.note(&with(&name.ident)),
            syn::UseTree::Rename(name) => self.note(&with(&name.ident)),
            syn::UseTree::Glob(_) => self.note(before),
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.tree(before, tree)),
        }
    }

    /// Macros' arguments are not parsed: paths are what looks like one.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) if colons == 2 => path.push(ident.to_string()),
                TokenTree::Ident(ident) => {
                    self.end(&path);
                    path = vec![ident.to_string()];
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => {
                    colons += 1;
                    continue;
                }
                TokenTree::Group(group) => {
                    self.end(&std::mem::take(&mut path));
                    self.tokens(group.stream());
                }
                _ => self.end(&std::mem::take(&mut path)),
            }
            colons = 0;
        }
        self.end(&path);
    }

    fn end(&mut self, path: &[String]) {
        if path.len() > 1 {
            self.note(path);
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if !is_for_tests(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.tree(&[], &item.tree);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if item.content.is_some() {
            self.module.push(item.ident.to_string());
            visit::visit_item_mod(self, item);
            self.module.pop();
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let words: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.end(&words);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        self.tokens(item.tokens.clone());
        visit::visit_macro(self, item);
    }

    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}
}

fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    let is_test = |attribute: &syn::Attribute| match &attribute.meta {
        syn::Meta::List(list) => list.path.is_ident("cfg") && list.tokens.to_string() == "test",
        _ => false,
    };
    attributes.iter().any(is_test)
}
