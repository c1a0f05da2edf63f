//! The content of the pictures: an upstream that reaches every name, a filter list, a rule, and active clients.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::thread;

use privet_tests::{Origin, Privet, Running};

/// The proxy scheme for curl, and the URL.
pub const REQUESTS: &[(&str, &str)] = &[
    ("socks5h", "http://news.example/bytes/48213"),
    ("http", "http://photos.example/bytes/918300"),
    ("http", "http://pixel.ads.example/track.gif"),
    ("socks4a", "http://wiki.example/bytes/20110"),
    ("socks5h", "http://metrics.example/beacon"),
    ("http", "http://www.shop.example/bytes/183020"),
    ("socks5h", "http://cdn.ads.example/banner.js"),
];

/// The hosts of connections that stay open while the pictures are taken, and the commands of their clients; `$PROXY` is Privet's
/// address.
const CLIENTS: &[(&str, &str)] = &[
    (
        "git.example",
        "(head -c 4000 /dev/zero; sleep 300) | nc -X 5 -x $PROXY git.example 22 > /dev/null",
    ),
    (
        "films.example",
        "curl -q -s --limit-rate 400k -x socks5h://$PROXY -o /dev/null http://films.example/bytes/90000000",
    ),
    (
        "radio.example",
        "curl -q -s --limit-rate 30k -x socks5h://$PROXY -o /dev/null http://radio.example/bytes/9000000",
    ),
    (
        "backup.example",
        "curl -q -s --limit-rate 200k -x http://$PROXY -o /dev/null http://backup.example/bytes/90000000",
    ),
    (
        "chat.example",
        "(echo hello; sleep 300) | nc -X 5 -x $PROXY chat.example 5222 > /dev/null",
    ),
    (
        "maps.example",
        "curl -q -s --limit-rate 60k -x socks4a://$PROXY -o /dev/null http://maps.example/bytes/9000000",
    ),
    (
        "mirror.example",
        "aria2c --no-conf -q --max-download-limit=900K --all-proxy=http://$PROXY --allow-overwrite=true -d $DIR -o mirror http://mirror.example/bytes/90000000",
    ),
];

/// A SOCKS5 server that simulates the network: port 80 of every name is an HTTP server, all other ports echo.
pub fn network() -> Origin {
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
    let mut server = TcpStream::connect(if plain { origin } else { echo })?;
    client.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 80])?;
    let (mut from_client, mut to_server) = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || {
        let _ = std::io::copy(&mut from_client, &mut to_server);
        let _ = to_server.shutdown(Shutdown::Write);
    });
    std::io::copy(&mut server, client)?;
    client.shutdown(Shutdown::Write)
}

/// The configuration; its filter list is a file in `folder`.
pub fn configuration(upstream: SocketAddr, folder: &Path) -> String {
    let list = folder.join("easy.txt");
    std::fs::write(&list, "! A list as people subscribe to\n||ads.example^\n")
        .expect("the folder takes a file");
    format!(
        "mode = \"standard\"\n[listen]\nmixed = [\"$MIXED\"]\npac = \"$PAC\"\n[control]\nhttp = \"$CONTROL\"\n\
         [modes.standard]\nroute = \"berlin\"\n[[upstream]]\nname = \"berlin\"\nurl = \"socks5://{upstream}\"\n\
         [[rule]]\nmatch = {{ domain_suffix = [\"metrics.example\"] }}\nuse = \"block\"\n\
         [[filter.list]]\nname = \"easy\"\nsource = \"{}\"\nformat = \"adblock\"\n",
        list.display()
    )
}

/// Starts the clients whose connections stay open, and waits until all of them receive data.
pub fn clients(privet: &Privet) -> Vec<Running> {
    let proxy = privet.proxy().to_string();
    let folder = privet.sandbox.dir().display().to_string();
    let start = |(name, line): &(&str, &str)| {
        let mut command = Command::new("bash");
        let line = line.replace("$PROXY", &proxy).replace("$DIR", &folder);
        command.args(["-c", &line]);
        Running::start(name, command)
    };
    let running: Vec<Running> = CLIENTS.iter().map(start).collect();
    for (name, _) in CLIENTS {
        privet.await_row("active", |row| {
            row["host"] == *name && row["down"].as_u64() > Some(0)
        });
    }
    running
}
