//! What the picture shows: an upstream that reaches everything, a filter list, a rule, and clients at work.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::Command;
use std::thread;

use privet_tests::{Origin, Privet, Running};

/// Client's scheme and URL.
pub const VISITS: &[(&str, &str)] = &[
    ("socks5h", "http://news.example/bytes/48213"),
    ("http", "http://photos.example/bytes/918300"),
    ("http", "http://pixel.ads.example/track.gif"),
    ("socks4a", "http://wiki.example/bytes/20110"),
    ("socks5h", "http://metrics.example/beacon"),
];

pub const COMMANDS: &[&str] = &[
    "connections",
    "connections --state blocked",
    "why http://pixel.ads.example/track.gif",
];

/// The hosts that clients work with while the picture is taken, and how; `$PROXY` is Privet's address.
const STANDING: &[(&str, &str)] = &[
    (
        "git.example",
        "(head -c 4000 /dev/zero; sleep 60) | nc -X 5 -x $PROXY git.example 22 > /dev/null",
    ),
    (
        "films.example",
        "curl -q -s --limit-rate 400k -x socks5h://$PROXY -o /dev/null http://films.example/bytes/9000000",
    ),
    (
        "mirror.example",
        "aria2c --no-conf -q --max-download-limit=900K --all-proxy=http://$PROXY --allow-overwrite=true -d /tmp -o privet-picture http://mirror.example/bytes/9000000",
    ),
];

/// A SOCKS5 server that reaches one origin under every name, in the place of the network.
pub fn exit() -> Origin {
    let origin = Origin::http().address;
    let echo = Origin::echo().address;
    Origin::raw(move |mut client| {
        let _ = serve(&mut client, origin, echo);
    })
}

fn serve(client: &mut TcpStream, origin: SocketAddr, echo: SocketAddr) -> std::io::Result<()> {
    let mut head = [0; 2];
    client.read_exact(&mut head)?;
    client.read_exact(&mut vec![0; usize::from(head[1])])?;
    client.write_all(&[5, 0])?;
    let mut request = [0; 5];
    client.read_exact(&mut request)?;
    let mut rest = vec![0; usize::from(request[4]) + 2];
    client.read_exact(&mut rest)?;
    let plain = rest.ends_with(&[0, 80]);
    let mut far = TcpStream::connect(if plain { origin } else { echo })?;
    client.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 80])?;
    let (mut up_from, mut up_to) = (client.try_clone()?, far.try_clone()?);
    thread::spawn(move || {
        let _ = std::io::copy(&mut up_from, &mut up_to);
        let _ = up_to.shutdown(Shutdown::Write);
    });
    std::io::copy(&mut far, client)?;
    client.shutdown(Shutdown::Write)
}

pub fn configuration(exit: SocketAddr) -> String {
    let list = std::env::temp_dir().join(format!("privet-picture-{}", std::process::id()));
    let _ = std::fs::write(&list, "# A list as people subscribe to\n||ads.example^\n");
    format!(
        "mode = \"standard\"\n[modes.standard]\nroute = \"exit\"\n[[upstream]]\nname = \"exit\"\nurl = \"socks5://{exit}\"\n\
         [[rule]]\nmatch = {{ domain_suffix = [\"metrics.example\"] }}\nuse = \"block\"\n\
         [[filter.list]]\nname = \"easy\"\nsource = \"{}\"\nformat = \"adblock\"\n",
        list.display()
    )
}

/// Starts the clients that work while the picture is taken, and waits until Privet carries them all.
pub fn live(privet: &Privet) -> Vec<Running> {
    let proxy = privet.proxy().to_string();
    let start = |(name, line): &(&str, &str)| {
        let mut command = Command::new("bash");
        command.args(["-c", &line.replace("$PROXY", &proxy)]);
        Running::start(name, command)
    };
    let running: Vec<Running> = STANDING.iter().map(start).collect();
    for (name, _) in STANDING {
        privet.await_row("active", |row| {
            row["host"] == *name && row["down"].as_u64() > Some(0)
        });
    }
    running
}
