//! What the picture shows: an upstream that reaches everything, a filter list, a rule, and clients at work.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use privet_tests::client::socks5;
use privet_tests::{Origin, Privet};

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

/// Tunnels that stand while the picture is taken: host, port, bytes moved.
const STANDING: &[(&str, u16, usize)] = &[
    ("git.example", 22, 4_000),
    ("chat.example", 443, 190_000),
    ("mail.example", 993, 31_000),
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
    // The list lies beside the file, as a user would keep it.
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let list = std::env::temp_dir().join(format!(
        "privet-picture-{}-{}",
        std::process::id(),
        COUNT.fetch_add(1, Ordering::Relaxed)
    ));
    let _ = std::fs::write(&list, "# A list as people subscribe to\n||ads.example^\n");
    format!(
        "mode = \"standard\"\n[modes.standard]\nroute = \"exit\"\n[[upstream]]\nname = \"exit\"\nurl = \"socks5://{exit}\"\n\
         [[rule]]\nmatch = {{ domain_suffix = [\"metrics.example\"] }}\nuse = \"block\"\n\
         [[filter.list]]\nname = \"easy\"\nsource = \"{}\"\nformat = \"adblock\"\n",
        list.display()
    )
}

/// Opens the standing tunnels and moves their bytes.
pub fn live(privet: &Privet) -> Result<Vec<TcpStream>, String> {
    let mut held = Vec::new();
    for (host, port, bytes) in STANDING {
        let mut stream = socks5(privet.proxy(), host, *port)
            .map_err(|code| format!("{host}: SOCKS reply {code}"))?;
        let moved = move_bytes(&mut stream, *bytes);
        moved.map_err(|error| format!("{host}: {error}"))?;
        held.push(stream);
    }
    Ok(held)
}

fn move_bytes(stream: &mut TcpStream, bytes: usize) -> std::io::Result<()> {
    let block = vec![b'.'; 1000];
    let mut back = vec![0; 1000];
    for _ in 0..bytes / block.len() {
        stream.write_all(&block)?;
        stream.read_exact(&mut back)?;
    }
    Ok(())
}
