//! The first core's caches, as Linux tells them.

use std::fs;
use std::path::Path;

/// One cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cache {
    /// 1 is the nearest.
    pub level: usize,
    /// `d` for data only, `i` for instructions only, nothing for both.
    pub kind: &'static str,
    /// Its size as Linux writes it: `32K`.
    pub size: String,
    /// How many CPUs share it.
    pub sharers: usize,
}

impl Cache {
    /// Its size in bytes; `None` where that is no number of kilobytes.
    pub fn bytes(&self) -> Option<usize> {
        self.size.strip_suffix('K')?.parse::<usize>().ok()?.checked_mul(1024)
    }
}

/// The caches of the first core, the nearest first; none where the system does not tell.
pub fn caches() -> Vec<Cache> {
    caches_in(Path::new("/sys/devices/system/cpu/cpu0/cache"))
}

fn caches_in(folder: &Path) -> Vec<Cache> {
    let mut found = vec![];
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let read =
            |name: &str| fs::read_to_string(entry.path().join(name)).map(|text| text.trim().to_owned()).ok();
        let level = read("level").and_then(|level| level.parse().ok());
        if let (Some(level), Some(kind), Some(size)) = (level, read("type"), read("size")) {
            let kind = match kind.as_str() {
                "Data" => "d",
                "Instruction" => "i",
                _ => "",
            };
            let sharers = read("shared_cpu_list").map_or(1, |list| count(&list));
            found.push(Cache { level, kind, size, sharers });
        }
    }
    found.sort_by(|a, b| (a.level, a.kind).cmp(&(b.level, b.kind)));
    found
}

/// How many CPUs a list such as `0-3,8` names; at least 1.
fn count(list: &str) -> usize {
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (first.parse::<usize>().ok()?, last.parse::<usize>().ok()?);
        Some((last.checked_sub(first)?).saturating_add(1))
    };
    list.split(',').filter_map(range).sum::<usize>().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_cpus_are_counted() {
        for (list, expected) in [("0", 1), ("0-3", 4), ("0-3,8", 5), ("", 1), ("3-1", 1), ("x", 1)] {
            assert_eq!(count(list), expected, "{list}");
        }
    }

    #[test]
    fn caches_are_read_and_sorted() {
        let root = std::env::temp_dir().join(format!("mnist-fast-caches-{}", std::process::id()));
        for (name, files) in [
            ("index0", [("level", "2"), ("type", "Unified"), ("size", "1024K"), ("shared_cpu_list", "0-1")]),
            ("index1", [("level", "1"), ("type", "Data"), ("size", "32K"), ("shared_cpu_list", "0")]),
            ("index2", [("level", "one"), ("type", "Data"), ("size", "32K"), ("shared_cpu_list", "0")]),
        ] {
            fs::create_dir_all(root.join(name)).unwrap();
            files.iter().for_each(|(file, text)| fs::write(root.join(name).join(file), text).unwrap());
        }
        let found = caches_in(&root);
        fs::remove_dir_all(&root).unwrap();
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!((found[0].level, found[0].kind, found[0].bytes()), (1, "d", Some(32 << 10)));
        assert_eq!((found[1].level, found[1].kind, found[1].sharers), (2, "", 2));
        assert_eq!(found[1].bytes(), Some(1 << 20));
        assert_eq!(caches_in(&root), []);
    }
}
