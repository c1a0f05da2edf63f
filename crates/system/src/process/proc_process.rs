//! One process as /proc shows it: its user, its program and the sockets it has open.

use std::cell::OnceCell;
use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::ops::ControlFlow;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use privet_policy::App;
use rustix::fs::{
    CWD, FileType, Mode, OFlags, RawDir, SeekFrom, fstat, openat, readlinkat_raw, seek,
};
use rustix::io::{self, Errno};
use rustix::path;

use crate::apps::flatpak;

/// The longest path that the kernel gives, in bytes.
const MAX_PATH: usize = 4096;
/// `TASK_COMM_LEN` and a newline, rounded up.
const MAX_COMM: usize = 32;
/// The id is in the first lines of a sandbox's description.
const MAX_FLATPAK_INFO: usize = 4096;

/// A process whose directory in /proc is held open. It always refers to this process: once it has ended every
/// read fails, even if its number was reused, so no start time has to be compared.
pub(super) struct Process {
    pub pid: u32,
    /// Its effective user; root for processes that hide their memory.
    pub uid: u32,
    directory: OwnedFd,
    /// The directory of its descriptors, once they were read.
    descriptors: OnceCell<OwnedFd>,
}

/// A socket that a process has open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OpenSocket {
    pub descriptor: u32,
    pub inode: u32,
}

impl Process {
    /// `None`: there is no process of that number.
    pub fn open(pid: u32) -> Option<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = openat(CWD, format!("/proc/{pid}"), flags, Mode::empty()).ok()?;
        let uid = fstat(&directory).ok()?.st_uid;
        Some(Self {
            pid,
            uid,
            directory,
            descriptors: OnceCell::new(),
        })
    }

    /// Calls `see` with each socket that it has open, until `see` breaks.
    ///
    /// # Errors
    /// It ended, or belongs to another user.
    pub fn each_socket(
        &self,
        mut see: impl FnMut(OpenSocket) -> ControlFlow<()>,
    ) -> io::Result<()> {
        let descriptors = self.descriptors()?;
        seek(descriptors, SeekFrom::Start(0))?;
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut entries = RawDir::new(descriptors, &mut buffer);
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let Some(inode) = socket_behind(descriptors, entry.file_name())? else {
                continue;
            };
            let descriptor = std::str::from_utf8(entry.file_name().to_bytes());
            let Some(descriptor) = descriptor.ok().and_then(|text| text.parse().ok()) else {
                continue;
            };
            if see(OpenSocket { descriptor, inode }).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// The inode of the socket at one of its descriptors; `None`: there is no socket.
    ///
    /// # Errors
    /// It belongs to another user now.
    pub fn socket_at(&self, descriptor: u32) -> io::Result<Option<u32>> {
        socket_behind(self.descriptors()?, descriptor.to_string())
    }

    fn descriptors(&self) -> io::Result<&OwnedFd> {
        if let Some(open) = self.descriptors.get() {
            return Ok(open);
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = openat(&self.directory, c"fd", flags, Mode::empty())?;
        Ok(self.descriptors.get_or_init(|| opened))
    }

    /// The path of its program as the kernel writes it; `None` where it may not be read, or the process ended.
    pub fn executable(&self) -> Option<Vec<u8>> {
        let mut path = [MaybeUninit::uninit(); MAX_PATH];
        let (path, _) = readlinkat_raw(&self.directory, c"exe", &mut path[..]).ok()?;
        Some(path.to_vec())
    }

    /// The program it runs: named by the Flatpak application that it belongs to, else by its file if that can be read, else by
    /// the process name.
    pub fn program(&self) -> Option<App> {
        let path = self.executable();
        let path = path.as_deref().map(String::from_utf8_lossy);
        // A program that was updated while it runs.
        let path = path
            .as_deref()
            .map(|path| path.strip_suffix(" (deleted)").unwrap_or(path));
        let of_path = || Some(path?.rsplit('/').next()?.to_owned()).filter(|name| !name.is_empty());
        let of_comm = || Some(self.read(c"comm")?.trim_end().to_owned());
        let name = self.flatpak_id().or_else(of_path).or_else(of_comm)?;
        Some(App {
            name: name.into(),
            path: path.map(Arc::from),
            pid: self.pid,
            user: Some(self.uid),
        })
    }

    /// The Flatpak application whose sandbox it is in.
    fn flatpak_id(&self) -> Option<String> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = openat(&self.directory, c"root/.flatpak-info", flags, Mode::empty()).ok()?;
        let kind = FileType::from_raw_mode(fstat(&file).ok()?.st_mode);
        if kind != FileType::RegularFile {
            return None;
        }
        let mut text = [0; MAX_FLATPAK_INFO];
        let length = io::read(&file, &mut text[..]).ok()?;
        let text = String::from_utf8_lossy(text.get(..length)?);
        flatpak::id_in(&text).map(str::to_owned)
    }

    fn read(&self, file: &CStr) -> Option<String> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let file = openat(&self.directory, file, flags, Mode::empty()).ok()?;
        let mut text = [0; MAX_COMM];
        let length = io::read(&file, &mut text[..]).ok()?;
        Some(String::from_utf8_lossy(text.get(..length)?).into_owned())
    }
}

/// The inode of the socket that a link in a process's directory of descriptors leads to; `None`: it leads elsewhere, or is
/// gone.
///
/// # Errors
/// The process belongs to another user.
fn socket_behind(descriptors: &OwnedFd, name: impl path::Arg) -> io::Result<Option<u32>> {
    let mut target = [0; 64];
    match readlinkat_raw(descriptors, name, &mut target[..]) {
        Ok(length) => Ok(target.get(..length).and_then(socket_inode)),
        Err(error @ (Errno::ACCESS | Errno::PERM)) => Err(error),
        Err(_) => Ok(None),
    }
}

/// The inode in a link to a socket, `socket:[4711]`.
fn socket_inode(link: &[u8]) -> Option<u32> {
    let digits = link.strip_prefix(b"socket:[")?.strip_suffix(b"]")?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_links_to_sockets_have_an_inode() {
        assert_eq!(socket_inode(b"socket:[4711]"), Some(4711));
        for other in ["/dev/null", "pipe:[4711]", "socket:[]", "socket:[x]"] {
            assert_eq!(socket_inode(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn this_process_is_read_with_its_program_and_sockets() {
        use std::os::fd::AsRawFd;
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let link = std::fs::read_link(format!("/proc/self/fd/{}", socket.as_raw_fd()));
        let link = link.expect("a link").to_string_lossy().into_owned();
        let process = Process::open(std::process::id()).expect("this process");
        let mut seen = Vec::new();
        // A second reading starts anew.
        for _ in 0..2 {
            seen.clear();
            let all = process.each_socket(|socket| {
                let OpenSocket { descriptor, inode } = socket;
                seen.push((descriptor, format!("socket:[{inode}]")));
                ControlFlow::Continue(())
            });
            let own = (socket.as_raw_fd() as u32, link.clone());
            assert!(all.is_ok() && seen.contains(&own), "{seen:?}");
        }
        let at = |descriptor| process.socket_at(descriptor).expect("readable");
        let inode = at(socket.as_raw_fd() as u32).expect("a socket");
        assert_eq!(format!("socket:[{inode}]"), link);
        assert_eq!(at(u32::MAX), None);
        let program = process.program().expect("a program");
        let own = std::env::current_exe().expect("its path");
        assert_eq!(program.path.as_deref(), own.to_str());
    }

    #[test]
    fn a_process_that_ended_is_not_mistaken_for_another() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .expect("it is installed");
        let process = Process::open(child.id()).expect("it runs");
        let unread = Process::open(child.id()).expect("it runs");
        assert!(process.each_socket(|_| ControlFlow::Continue(())).is_ok());
        let _ = child.kill();
        let _ = child.wait();
        for process in [process, unread] {
            assert!(process.executable().is_none() && process.program().is_none());
            assert!(process.each_socket(|_| ControlFlow::Continue(())).is_err());
        }
    }
}
