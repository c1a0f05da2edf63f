//! Two network namespaces joined by a virtual link: inside, Privet and its clients; outside, everything it could leak to, and a
//! capture on the link that records each packet.

use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};

use crate::client::{CommandOutput, run};
use crate::process::{Running, program};
use crate::skip::missing;

/// The address of the inner namespace on the link.
pub const INSIDE: &str = "10.77.0.1";
/// The address of the outer namespace; upstreams listen here.
pub const OUTSIDE: &str = "10.77.0.2";
/// The resolver in `/etc/resolv.conf` of the inner namespace.
pub const RESOLVER: &str = "10.77.0.53";
/// A host in the outer namespace that is not the upstream.
pub const OTHER_HOST: &str = "10.77.0.80";
/// The same in IPv6.
pub const OTHER_HOST_V6: &str = "fd77::80";
/// The first port of packets that mark the end of a query; counts up.
const FIRST_MARK: u16 = 7000;

pub struct Namespaces {
    id: String,
}

/// The captured packets, one line of tcpdump each.
pub struct Link {
    running: Running,
    marks: AtomicU16,
}

impl Namespaces {
    /// `None`, reported as skipped: not root, or the kernel or tools lack something.
    pub fn new() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let ip = program("ip")?;
        program("tcpdump")?;
        let id = format!(
            "pv{}x{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let made = Self { id };
        let (inside, outside) = (made.inside(), made.outside());
        let cable = |end: &str| format!("{}{end}", made.id);
        let (a, b) = (cable("a"), cable("b"));
        let script = format!(
            "netns add {inside}\nnetns add {outside}\n\
             link add dev {a} type veth peer name {b}\n\
             link set {a} netns {inside}\nlink set {b} netns {outside}\n\
             -n {inside} link set {a} name cable\n-n {outside} link set {b} name cable\n\
             -n {inside} link set lo up\n-n {outside} link set lo up\n\
             -n {inside} link set cable up\n-n {outside} link set cable up\n\
             -n {inside} addr add {INSIDE}/24 dev cable\n-n {inside} addr add fd77::1/64 dev cable nodad\n\
             -n {outside} addr add {OUTSIDE}/24 dev cable\n-n {outside} addr add {RESOLVER}/24 dev cable\n\
             -n {outside} addr add {OTHER_HOST}/24 dev cable\n-n {outside} addr add {OTHER_HOST_V6}/64 dev cable nodad\n\
             -n {inside} route add default via {OUTSIDE}\n-n {inside} -6 route add default via fd77::80\n"
        );
        for line in script.lines() {
            let args: Vec<&str> = line.split(' ').collect();
            let answer = run(&ip, &args);
            if answer.code != 0 {
                missing(&format!(
                    "no network namespaces: ip {line}: {}",
                    answer.err.trim()
                ));
                return None;
            }
        }
        let etc = format!("/etc/netns/{inside}");
        fs::create_dir_all(&etc).expect("root writes to /etc/netns");
        fs::write(
            format!("{etc}/resolv.conf"),
            format!("nameserver {RESOLVER}\noptions timeout:1 attempts:1\n"),
        )
        .expect("root writes to /etc/netns");
        Some(made)
    }

    fn inside(&self) -> String {
        format!("{}i", self.id)
    }

    fn outside(&self) -> String {
        format!("{}o", self.id)
    }

    /// The arguments that run a command in the inner namespace.
    pub fn prefix(&self) -> Vec<String> {
        ["ip", "netns", "exec", &self.inside()]
            .map(str::to_owned)
            .to_vec()
    }

    /// Runs a command in the inner namespace to its end.
    pub fn run(&self, args: &[&str]) -> CommandOutput {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.inside()]).args(args);
        CommandOutput::of(command)
    }

    /// Runs a command outside to its end.
    pub fn run_outside(&self, words: &[&str]) -> CommandOutput {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.outside()]).args(words);
        CommandOutput::of(command)
    }

    /// Starts a server inside.
    pub fn start_inside(&self, name: &str, words: &[&str]) -> Running {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.inside()]).args(words);
        Running::start(name, command)
    }

    /// Other options of the inside's resolver (resolv.conf(5)), for programs that start after this.
    pub fn write_resolver_options(&self, options: &str) {
        let file = format!("/etc/netns/{}/resolv.conf", self.inside());
        let text = format!("nameserver {RESOLVER}\noptions {options}\n");
        fs::write(file, text).expect("root writes to /etc/netns");
    }

    /// The inside's `/etc/hosts`, for programs that start after this.
    pub fn write_hosts(&self, text: &str) {
        let file = format!("/etc/netns/{}/hosts", self.inside());
        fs::write(file, text).expect("root writes to /etc/netns");
    }

    /// Starts a server in the outer namespace.
    pub fn start_outside(&self, name: &str, args: &[&str]) -> Running {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.outside()]).args(args);
        Running::start(name, command)
    }

    /// Captures on the link: every IP packet but neighbour discovery.
    pub fn listen(&self) -> Link {
        let filter = "ip or (ip6 and not icmp6)";
        let args = [
            "tcpdump",
            "-n",
            "-l",
            "-q",
            "-p",
            "--immediate-mode",
            "-i",
            "cable",
            filter,
        ];
        let running = self.start_outside("tcpdump", &args);
        running.await_line("listening on");
        Link {
            running,
            marks: AtomicU16::new(FIRST_MARK),
        }
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        for name in [self.inside(), self.outside()] {
            let _ = Command::new("ip").args(["netns", "del", &name]).output();
        }
        let _ = fs::remove_dir_all(format!("/etc/netns/{}", self.inside()));
    }
}

impl Link {
    /// Packets that are neither to nor from `except` (`10.77.0.2.1080`, as tcpdump writes it).
    ///
    /// A marker packet is sent last, so that no packet in flight is missed.
    pub fn packets_except(&self, world: &Namespaces, except: &str) -> Vec<String> {
        let mark = self.marks.fetch_add(1, Ordering::Relaxed);
        let sent = world.run(&["bash", "-c", &format!("echo > /dev/udp/{OUTSIDE}/{mark}")]);
        assert_eq!(sent.code, 0, "{sent:?}");
        self.running.await_line(&format!("{OUTSIDE}.{mark}"));
        let packets = self.running.log();
        packets
            .lines()
            .filter(|line| line.contains("IP ") || line.contains("IP6 "))
            .filter(|line| !line.contains(except) && !line.contains(&format!("{OUTSIDE}.7")))
            // ICMP errors come from the outer namespace, multicast reports from the kernel.
            .filter(|line| {
                !line.contains(&format!("> {INSIDE}: ICMP")) && !line.contains("HBH ICMP6")
            })
            .map(str::to_owned)
            .collect()
    }

    /// Waits for a packet whose line contains `what`.
    pub fn await_packet(&self, what: &str) {
        self.running.await_line(what);
    }
}
