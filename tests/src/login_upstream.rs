//! A SOCKS5 upstream that takes any login.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use crate::Origin;

/// Records the name of each login, and connects to one port whatever host is asked for.
pub struct LoginUpstream {
    origin: Origin,
    names: Arc<Mutex<Vec<String>>>,
    up: Arc<AtomicBool>,
}

impl LoginUpstream {
    pub fn to(port: u16) -> Self {
        let names = Arc::new(Mutex::new(Vec::new()));
        let up = Arc::new(AtomicBool::new(true));
        let (recorded, is_up) = (names.clone(), up.clone());
        let origin = Origin::raw(move |client| {
            if is_up.load(Ordering::SeqCst) {
                // The client may leave at any time.
                let _ = serve(client, port, &recorded);
            }
        });
        Self { origin, names, up }
    }

    pub fn address(&self) -> SocketAddr {
        self.origin.address
    }

    /// The names of all logins so far.
    pub fn names(&self) -> Vec<String> {
        self.names.lock().expect("no handler panics").clone()
    }

    /// From now on new connections are closed at once.
    pub fn fail(&self) {
        self.up.store(false, Ordering::SeqCst);
    }
}

fn serve(mut client: TcpStream, port: u16, names: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut greeting = [0; 2];
    client.read_exact(&mut greeting)?;
    client.read_exact(&mut vec![0; usize::from(greeting[1])])?;
    client.write_all(&[5, 2])?;
    let mut part = [0; 2];
    client.read_exact(&mut part)?;
    let mut name = vec![0; usize::from(part[1])];
    client.read_exact(&mut name)?;
    client.read_exact(&mut part[..1])?;
    client.read_exact(&mut vec![0; usize::from(part[0])])?;
    client.write_all(&[1, 0])?;
    // The target is a name.
    let mut request = [0; 5];
    client.read_exact(&mut request)?;
    client.read_exact(&mut vec![0; usize::from(request[4]) + 2])?;
    let name = String::from_utf8_lossy(&name).into_owned();
    names.lock().expect("no handler panics").push(name);
    client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])?;
    let mut server = TcpStream::connect(("127.0.0.1", port))?;
    let (mut up, mut down) = (client.try_clone()?, server.try_clone()?);
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut up, &mut down);
        let _ = down.shutdown(Shutdown::Write);
    });
    let _ = std::io::copy(&mut server, &mut client);
    client.shutdown(Shutdown::Both)
}
