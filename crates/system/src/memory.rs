//! Gives memory back to the system.

/// Gives the memory that was freed back to the system. The C library keeps it for later allocations otherwise: after a burst
/// of connections tens of MiB, until the program ends. Takes some milliseconds per 100 MiB; do not call it on a runtime thread.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "no crate wraps malloc_trim")]
pub fn release() {
    // SAFETY: malloc_trim(3) has no preconditions and takes the allocator's own locks.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// The other systems' allocators give it back by themselves.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn release() {}

/// Unmaps this program's code and constants. The process maps again what it runs and reads; what only its start needed stays
/// out. The pages remain in the system's file cache, so that mapping again costs microseconds each. Takes about a millisecond; do
/// not call it on a runtime thread.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "no crate wraps madvise safely")]
pub fn unmap_program() {
    let Ok(program) = std::env::current_exe() else {
        return;
    };
    let Ok(maps) = std::fs::read_to_string("/proc/self/smaps") else {
        return;
    };
    for pages in linux::unchanged(&maps, &program.to_string_lossy()) {
        // SAFETY: the mapping is of a file and of this process alone, cannot be written, and no page of it differs from the
        // file: MADV_DONTNEED (madvise(2)) makes the next access read the same bytes from the file.
        unsafe {
            libc::madvise(
                std::ptr::with_exposed_provenance_mut(pages.start),
                pages.len(),
                libc::MADV_DONTNEED,
            );
        }
    }
}

/// Written for Linux alone.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn unmap_program() {}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod linux {
    use std::ops::Range;

    /// The mappings of the file `program` in `maps` (proc(5), `/proc/pid/smaps`) that cannot be written and have only pages of the
    /// file: relocated constants cannot be written either, but have pages of their own.
    pub(super) fn unchanged(maps: &str, program: &str) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        let mut mapping = None;
        for line in maps.lines() {
            if let Some(head) = head(line) {
                mapping = head.is_of(program).then_some(head.pages);
            } else if let Some(changed) = line.strip_prefix("Anonymous:") {
                let pages = mapping.take();
                found.extend(pages.filter(|_| changed.trim() == "0 kB"));
            }
        }
        found
    }

    struct Head<'a> {
        pages: Range<usize>,
        permissions: &'a str,
        file: &'a str,
    }

    impl Head<'_> {
        fn is_of(&self, program: &str) -> bool {
            matches!(self.permissions, "r--p" | "r-xp") && self.file == program
        }
    }

    /// "address-address permissions offset device inode file".
    fn head(line: &str) -> Option<Head<'_>> {
        let (addresses, rest) = line.split_once(' ')?;
        let (start, end) = addresses.split_once('-')?;
        let address = |text| usize::from_str_radix(text, 16).ok();
        let mut fields = rest.splitn(5, ' ');
        let permissions = fields.next()?;
        Some(Head {
            pages: address(start)?..address(end)?,
            permissions,
            file: fields.nth(3).unwrap_or_default().trim_start(),
        })
    }
}

#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
mod tests {
    use super::*;

    const MAPS: &str = "\
55d0a0000000-55d0a0100000 r--p 00000000 fe:00 131 /opt/a b/privet
Rss:                 256 kB
Anonymous:             0 kB
55d0a0100000-55d0a0300000 r-xp 00100000 fe:00 131 /opt/a b/privet
Anonymous:             0 kB
55d0a0300000-55d0a0400000 r--p 00300000 fe:00 131 /opt/a b/privet
Anonymous:           764 kB
55d0a0400000-55d0a0410000 rw-p 00400000 fe:00 131 /opt/a b/privet
Anonymous:             0 kB
55d0a1000000-55d0a1100000 rw-p 00000000 00:00 0 [heap]
Anonymous:             0 kB
7f0000000000-7f0000100000 r-xp 00000000 fe:00 77                         /usr/lib/libc.so.6
Anonymous:             0 kB
7f0000200000-7f0000300000 r-xs 00000000 fe:00 131 /opt/a b/privet
Anonymous:             0 kB
7f0000400000-7f0000500000 r--p 00000000 00:00 0
Anonymous:             0 kB
";

    #[test]
    fn only_unchanged_pages_of_the_program_are_unmapped() {
        let found = linux::unchanged(MAPS, "/opt/a b/privet");
        assert_eq!(
            found,
            [
                0x55d0_a000_0000..0x55d0_a010_0000,
                0x55d0_a010_0000..0x55d0_a030_0000
            ]
        );
        assert!(linux::unchanged("Anonymous: 0 kB\n", "/opt/a b/privet").is_empty());
    }

    #[test]
    fn a_program_goes_on_without_its_pages() {
        static CONSTANT: [&str; 2] = ["constants are read", "and relocated ones"];
        unmap_program();
        assert_eq!(CONSTANT.concat().len(), 36);
        assert_eq!(linux::unchanged(MAPS, "/opt/a b/privet").len(), 2);
    }
}
