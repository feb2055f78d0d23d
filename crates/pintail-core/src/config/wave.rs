//! `wave = "1, 50%, 100%"`: how many hosts of a target are switched at a time. Knows nothing of hosts.

use super::problem::Complaint;

/// How many hosts of a target are switched at a time. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wave {
    /// The sizes, one a wave; the last one repeats until no host is left.
    pub sizes: Vec<WaveSize>,
}

/// The size of one wave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaveSize {
    /// So many hosts; at least 1.
    Hosts(u32),
    /// This share of all hosts of the target, 1..=100, rounded down, but at least one host.
    Percent(u8),
}

impl Wave {
    /// All hosts at once.
    pub fn all() -> Wave {
        Wave { sizes: vec![WaveSize::Percent(100)] }
    }

    /// How many hosts each wave takes of a target with this many; the sum is `hosts`.
    pub fn split(&self, hosts: usize) -> Vec<usize> {
        let Some(last) = self.sizes.last() else {
            return vec![hosts];
        };
        let mut left = hosts;
        let mut waves = Vec::new();
        for size in self.sizes.iter().chain(std::iter::repeat(last)) {
            if left == 0 {
                break;
            }
            let taken = size.of(hosts).clamp(1, left);
            waves.push(taken);
            left -= taken;
        }
        waves
    }
}

impl WaveSize {
    fn of(self, hosts: usize) -> usize {
        match self {
            WaveSize::Hosts(number) => number as usize,
            WaveSize::Percent(percent) => hosts * usize::from(percent) / 100,
        }
    }
}

pub(super) fn parse(text: &str) -> Result<Wave, Complaint> {
    let sizes = text.split(',').map(|size| parse_size(size.trim())).collect::<Option<_>>();
    sizes.map(|sizes| Wave { sizes }).ok_or_else(|| {
        Complaint::new(format!("is `{text}`, which is no way to part hosts into waves"))
            .hint("numbers of hosts or shares of them, such as `1, 50%, 100%`")
    })
}

fn parse_size(text: &str) -> Option<WaveSize> {
    match text.strip_suffix('%') {
        Some(percent) => {
            percent.parse().ok().filter(|percent| (1..=100).contains(percent)).map(WaveSize::Percent)
        }
        None => text.parse().ok().filter(|hosts| *hosts >= 1).map(WaveSize::Hosts),
    }
}
