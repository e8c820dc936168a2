//! What the system tells of this process. What it does not tell is absent.

/// Memory of the process in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Memory {
    /// At present.
    pub(super) resident: u64,
    /// The most it was.
    pub(super) peak: u64,
}

/// Seconds of processor time: its own, and the system's for it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CpuTime {
    pub(super) user_s: f64,
    pub(super) system_s: f64,
}

/// The memory of this process.
pub(super) fn memory() -> Memory {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let bytes = |name: &str| kibibytes(&status, name).map_or(0, |kib| kib * 1024);
    Memory {
        resident: bytes("VmRSS:"),
        peak: bytes("VmHWM:"),
    }
}

/// The memory of the machine in bytes.
pub(super) fn machine_memory() -> Option<u64> {
    let info = std::fs::read_to_string("/proc/meminfo").ok()?;
    kibibytes(&info, "MemTotal:").map(|kib| kib * 1024)
}

/// The number behind a name, as the files of `/proc` have it.
fn kibibytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The name of the operating system, its release and the machine's architecture.
pub(super) fn system() -> String {
    let read = |name: &str| {
        let text = std::fs::read_to_string(format!("/proc/sys/kernel/{name}"));
        text.map(|text| text.trim().to_owned()).ok()
    };
    let name = read("ostype").unwrap_or_else(|| std::env::consts::OS.to_owned());
    let parts = [
        Some(name),
        read("osrelease"),
        Some(std::env::consts::ARCH.to_owned()),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// The processor time of this process, and of its children that have ended.
pub(super) fn cpu() -> (CpuTime, CpuTime) {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The second field is the program's name in parentheses and may hold blanks.
    let fields: Vec<f64> = stat
        .rsplit_once(')')
        .map(|(_, fields)| fields.split_whitespace().skip(11).take(4))
        .into_iter()
        .flatten()
        .filter_map(|field| field.parse().ok())
        .collect();
    let per_second = rustix::param::clock_ticks_per_second() as f64;
    let seconds = |index: usize| fields.get(index).map_or(0.0, |ticks| ticks / per_second);
    let time = |first| CpuTime {
        user_s: seconds(first),
        system_s: seconds(first + 1),
    };
    (time(0), time(2))
}

/// Bytes as people read them: `2.11M`.
pub(super) fn human(bytes: u64) -> String {
    const UNITS: [(&str, u64); 5] = [
        ("P", 1 << 50),
        ("T", 1 << 40),
        ("G", 1 << 30),
        ("M", 1 << 20),
        ("K", 1 << 10),
    ];
    match UNITS.iter().find(|(_, size)| bytes >= *size) {
        Some((unit, size)) => format!("{:.2}{unit}", bytes as f64 / *size as f64),
        None => format!("{bytes}B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_written_as_redis_writes_them() {
        let written = [0, 1023, 2_213_200, 25_276_502_016].map(human);
        assert_eq!(written, ["0B", "1023B", "2.11M", "23.54G"]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_system_tells_of_this_process() {
        let memory = memory();
        assert!(memory.resident > 1 << 20 && memory.peak >= memory.resident);
        assert!(machine_memory().is_some_and(|bytes| bytes > memory.resident));
        assert!(system().starts_with("Linux "));
    }
}
