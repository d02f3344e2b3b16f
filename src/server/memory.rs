//! The memory that the process may use, and how much of it queries get.

/// Queries together get one part in so many of the memory that the process may use, unless the setting is smaller. What they are
/// charged lies below what the process takes for them, and data, bodies and threads need the rest.
const QUERY_PART: u64 = 4;

/// Returns the limit on the memory of all queries: the setting, or a part of the available memory if that is less. Zero, which is
/// unlimited, stays as it is.
pub(super) fn total_query_memory(setting: usize, available: Option<u64>) -> usize {
    let part = available.map_or(u64::MAX, |available| available / QUERY_PART);
    setting.min(usize::try_from(part).unwrap_or(usize::MAX))
}

/// Returns the bytes of memory that the process may use: the least of its limits and of what the machine has, as far as they are
/// known.
pub(super) fn available() -> Option<u64> {
    [address_space(), machine(), control_group()].into_iter().flatten().min()
}

/// The limit on the address space (`ulimit -v`).
fn address_space() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::As).current
}

#[cfg(target_os = "linux")]
#[allow(clippy::useless_conversion, reason = "the types depend on the platform")]
fn machine() -> Option<u64> {
    let info = rustix::system::sysinfo();
    u64::try_from(info.totalram).ok()?.checked_mul(info.mem_unit.into())
}

#[cfg(not(target_os = "linux"))]
fn machine() -> Option<u64> {
    None
}

/// The limit of the control group, in a container that sees its own as the root.
fn control_group() -> Option<u64> {
    std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    // spec: select.limit.memory.3
    #[test]
    fn queries_get_a_quarter_of_little_memory() {
        const GIB: usize = 1 << 30;
        assert_eq!(total_query_memory(GIB, Some(2 << 30)), GIB / 2);
        assert_eq!(total_query_memory(GIB, Some(4 << 30)), GIB);
        assert_eq!(total_query_memory(GIB, Some(64 << 30)), GIB);
        assert_eq!(total_query_memory(GIB, None), GIB);
        assert_eq!(total_query_memory(0, Some(1 << 30)), 0, "unlimited");
    }

    #[test]
    fn the_available_memory_is_more_than_the_test_takes() {
        assert!(available().is_none_or(|bytes| bytes > 16 << 20));
    }
}
