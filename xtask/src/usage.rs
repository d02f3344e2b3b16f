//! The resources that a process has used, from `/proc`, and the size of its files.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use anyhow::Context as _;

/// Returns the CPU time of a process and its threads, in user and kernel mode, in seconds.
pub(crate) fn cpu_s(pid: u32) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let ticks = cpu_ticks(&stat).with_context(|| format!("/proc/{pid}/stat has an unknown format"))?;
    Ok(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

/// Returns the peak memory of a process, in bytes.
pub(crate) fn peak_memory(pid: u32) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    kibibytes(&status, "VmHWM:").with_context(|| format!("/proc/{pid}/status has an unknown format"))
}

/// Returns the memory of a process that is resident now, in bytes.
pub(crate) fn resident_memory(pid: u32) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    kibibytes(&status, "VmRSS:").with_context(|| format!("/proc/{pid}/status has an unknown format"))
}

/// Returns the space that the files below a directory take on the disk, in bytes.
pub(crate) fn disk_bytes(directory: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(directory).with_context(|| directory.display().to_string())? {
        // Files come and go while the server compacts.
        let Ok(entry) = entry else { continue };
        let Ok(metadata) = entry.metadata() else { continue };
        bytes += if metadata.is_dir() { disk_bytes(&entry.path()).unwrap_or(0) } else { metadata.blocks() * 512 };
    }
    Ok(bytes)
}

/// Returns the sum of the 14th and the 15th word. The second word is a name in parentheses, which may contain anything.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut words = rest.split_ascii_whitespace().skip(11);
    let mut next = || words.next()?.parse::<u64>().ok();
    Some(next()? + next()?)
}

/// Returns a line of `/proc/PID/status` in bytes.
fn kibibytes(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_user_and_system_time() {
        let stat = "17 (a) b (c)) S 1 17 17 0 -1 4194560 1 2 3 4 250 50 7 8 20 0 1 0 0 0 0";
        assert_eq!(cpu_ticks(stat), Some(300));
        assert_eq!(cpu_ticks("17"), None);
    }

    #[test]
    fn peak_memory_is_the_high_water_mark() {
        let status = "Name:\tx\nVmHWM:\t   2048 kB\nVmRSS:\t 1 kB\n";
        assert_eq!(kibibytes(status, "VmHWM:"), Some(2 << 20));
        assert_eq!(kibibytes(status, "VmRSS:"), Some(1 << 10));
        assert_eq!(kibibytes("Name:\tx\n", "VmHWM:"), None);
    }

    #[test]
    fn disk_use_includes_subdirectories() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("below")).unwrap();
        std::fs::write(directory.path().join("below/file"), [1; 10_000]).unwrap();
        assert!(disk_bytes(directory.path()).unwrap() >= 10_000);
    }
}
