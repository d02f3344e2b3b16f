//! The files of one crate, and which of them uses which.
//!
//! A use is an import of, or a path to, an item that the other file defines. Re-exports are followed to the definition.
//! A re-export does not count as a use by itself, only if the file also uses the name.

use std::collections::{BTreeMap, BTreeSet};

use super::source::{Reference, Source};

/// The longest chain of re-exports that is followed.
const REEXPORTS_MAX: usize = 8;

/// The modules of a crate.
#[derive(Debug, Default)]
pub(super) struct Crate {
    files: Vec<(String, Source)>,
    /// Each module's file, by the module's path from the crate root.
    modules: BTreeMap<Vec<String>, usize>,
    /// The path of each file's module.
    homes: Vec<Vec<String>>,
}

/// The uses between files, by the paths of both files: the line of the first use, and the path as written there.
pub(super) type Uses = BTreeMap<(String, String), (usize, String)>;

impl Crate {
    /// Reads the crate whose root file is given, following its `mod` declarations. `text` returns a file's contents.
    pub(super) fn read<'a>(root: &str, text: &impl Fn(&str) -> Option<&'a str>) -> Crate {
        let mut found = Crate::default();
        let folder = root.rsplit_once('/').map_or("", |(folder, _)| folder);
        found.add(root, folder, &[], text);
        found
    }

    /// Adds a file and its child modules, which are in `folder`.
    fn add<'a>(&mut self, path: &str, folder: &str, home: &[String], text: &impl Fn(&str) -> Option<&'a str>) {
        let Some(contents) = text(path) else { return };
        let source = Source::parse(contents);
        let children = source.children.clone();
        let index = self.files.len();
        for inline in std::iter::once(&Vec::new()).chain(&source.inline) {
            self.modules.insert([home, inline.as_slice()].concat(), index);
        }
        self.files.push((path.to_owned(), source));
        self.homes.push(home.to_owned());
        for child in children {
            let folder = format!("{folder}/{}", child.join("/"));
            let home = [home, child.as_slice()].concat();
            for file in [format!("{folder}.rs"), format!("{folder}/mod.rs")] {
                self.add(&file, &folder, &home, text);
            }
        }
    }

    /// Returns which file uses which.
    pub(super) fn uses(&self) -> Uses {
        let mut uses = Uses::new();
        for (index, (path, source)) in self.files.iter().enumerate() {
            let imports = source
                .imports
                .iter()
                .filter(|import| !import.is_exported || source.bare.contains(&import.name))
                .map(|import| &import.reference);
            for reference in imports.chain(&source.paths) {
                let module = [self.homes[index].as_slice(), &reference.module].concat();
                let Some(target) = self.definition(module, &reference.segments, REEXPORTS_MAX) else { continue };
                if target != index {
                    uses.entry((path.clone(), self.files[target].0.clone()))
                        .or_insert_with(|| (reference.line, reference.segments.join("::")));
                }
            }
        }
        uses
    }

    /// Returns the file that defines the item at a path in `module`, if the item is in this crate.
    fn definition(&self, mut module: Vec<String>, segments: &[String], hops: usize) -> Option<usize> {
        let mut rest = segments;
        match rest.first()?.as_str() {
            "crate" => {
                module.clear();
                rest = &rest[1..];
            }
            "self" => rest = &rest[1..],
            "super" => {
                while rest.first().is_some_and(|segment| segment == "super") {
                    module.pop()?;
                    rest = &rest[1..];
                }
            }
            first => {
                let file = *self.modules.get(&module)?;
                let is_child = self.modules.contains_key(&[module.as_slice(), &[first.to_owned()]].concat());
                if !is_child && !self.imports_from_crate(file, first) {
                    return None;
                }
            }
        }
        while let Some((first, after)) = rest.split_first() {
            let child = [module.as_slice(), std::slice::from_ref(first)].concat();
            if !self.modules.contains_key(&child) {
                break;
            }
            (module, rest) = (child, after);
        }
        let file = *self.modules.get(&module)?;
        match rest.split_first() {
            Some((name, after)) if name != "*" => self.item(file, name, after, hops),
            _ => Some(file),
        }
    }

    /// Whether a `use` of an item of this crate brings `name` into the file's scope.
    fn imports_from_crate(&self, file: usize, name: &str) -> bool {
        let is_internal = |reference: &Reference| {
            matches!(reference.segments.first().map(String::as_str), Some("crate" | "self" | "super"))
        };
        self.files[file].1.imports.iter().any(|import| import.name == name && is_internal(&import.reference))
    }

    /// Returns the file that defines the item called `name` in `file`.
    fn item(&self, file: usize, name: &str, after: &[String], hops: usize) -> Option<usize> {
        let source = &self.files[file].1;
        if hops == 0 || source.items.contains(name) {
            return Some(file);
        }
        let follow = |reference: &Reference, rest: &[String]| {
            let module = [self.homes[file].as_slice(), &reference.module].concat();
            self.definition(module, &[reference.segments.as_slice(), rest].concat(), hops - 1)
        };
        if let Some(import) = source.imports.iter().find(|import| import.name == name) {
            return follow(&import.reference, after);
        }
        let globs = source.imports.iter().filter(|import| import.name == "*");
        let defines = |found: &usize| self.files[*found].1.items.contains(name);
        globs.filter_map(|import| follow(&import.reference, &[])).find(defines).or(Some(file))
    }
}

/// Returns the pairs of files that use each other, in order.
pub(super) fn pairs(uses: &Uses) -> Vec<(&str, &str)> {
    let is_mutual = |(a, b): &&(String, String)| a < b && uses.contains_key(&(b.clone(), a.clone()));
    uses.keys().filter(is_mutual).map(|(a, b)| (a.as_str(), b.as_str())).collect()
}

/// Returns cycles of three or more files, so that each file in such a cycle is in one of them.
pub(super) fn longer_cycles(uses: &Uses) -> Vec<Vec<&str>> {
    let mut edges: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (from, to) in uses.keys() {
        // A pair is reported by itself.
        if !uses.contains_key(&(to.clone(), from.clone())) {
            edges.entry(from).or_default().insert(to);
        }
    }
    let mut cycles: Vec<Vec<&str>> = Vec::new();
    for &start in edges.keys() {
        if !cycles.iter().flatten().any(|&file| file == start) {
            cycles.extend(shortest_cycle(&edges, start));
        }
    }
    cycles
}

fn shortest_cycle<'a>(edges: &BTreeMap<&'a str, BTreeSet<&'a str>>, start: &'a str) -> Option<Vec<&'a str>> {
    let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut queue = std::collections::VecDeque::from([start]);
    while let Some(file) = queue.pop_front() {
        for &next in edges.get(file).into_iter().flatten() {
            if next == start {
                let mut cycle = vec![file];
                while let Some(&before) = came_from.get(cycle[cycle.len() - 1]) {
                    cycle.push(before);
                }
                cycle.reverse();
                return Some(cycle);
            }
            if !came_from.contains_key(next) {
                came_from.insert(next, file);
                queue.push_back(next);
            }
        }
    }
    None
}
