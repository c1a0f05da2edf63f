//! Asks an ICAP service (RFC 3507) for a verdict: RESPMOD for answers, REQMOD for what is sent. Only the verdict is taken: what a
//! service wants to replace, by a page of its own or by another body, is bad.

pub mod reply;

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use privet_net::Connector;
use tokio::io::{AsyncBufRead, AsyncRead, BufReader};
use tokio::time::timeout;

use self::reply::{Head, Options};
use crate::exchange::{exchange, invalid, read_until};
use crate::idle::{IdleConnections, Stream};
use crate::message::{Direction, Message};
use crate::verdict::clean_name;

const CONNECT: Duration = Duration::from_secs(5);
const OPTIONS_LIMIT: Duration = Duration::from_secs(2);
/// The longest preview, in bytes, whatever the service asks for.
const MAX_PREVIEW: usize = 64 * 1024;
/// The longest head of a reply, in bytes.
const MAX_HEAD: usize = 16 * 1024;
/// The longest line of a chunk's size.
const MAX_LINE: usize = 256;
/// How much of a service's own page is read, to use the connection again.
const MAX_PAGE: u64 = 256 * 1024;

/// A service that the configuration names.
pub struct Icap {
    connector: Connector,
    /// `icap://host:port/service`.
    url: String,
    /// The host and port of the URL.
    host: String,
    idle: IdleConnections<()>,
    options: Mutex<Option<(Arc<Options>, Instant)>>,
}

impl Icap {
    pub fn new(connector: Connector, url: String) -> Self {
        let host = url.split('/').nth(2).unwrap_or_default().to_owned();
        Self {
            connector,
            url,
            host,
            idle: IdleConnections::default(),
            options: Mutex::default(),
        }
    }

    /// What the service said of itself last.
    pub fn known_options(&self) -> Option<Arc<Options>> {
        let known = self.options.lock().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().map(|(options, _)| options.clone())
    }

    /// What the service says of itself, asked once in the time that it names.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn options(&self) -> io::Result<Arc<Options>> {
        {
            let known = self.options.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((options, until)) = &*known
                && *until > Instant::now()
            {
                return Ok(options.clone());
            }
        }
        let asking = async {
            let stream = self.connector.connect(CONNECT).await?;
            let (mut from, to) = tokio::io::split(stream);
            let request = format!(
                "OPTIONS {} ICAP/1.0\r\nHost: {}\r\nEncapsulated: null-body=0\r\n\r\n",
                self.url, self.host
            );
            let reply = read_head(&mut from);
            let (head, _) = exchange(to, &[request.as_bytes()], OPTIONS_LIMIT, reply).await?;
            reply::options(&head).ok_or_else(|| invalid("the ICAP service sent no options"))
        };
        let options = timeout(OPTIONS_LIMIT, asking)
            .await
            .map_err(|_| io::ErrorKind::TimedOut)??;
        let options = Arc::new(options);
        let until = Instant::now() + options.ttl;
        let mut known = self.options.lock().unwrap_or_else(PoisonError::into_inner);
        *known = Some((options.clone(), until));
        Ok(options)
    }

    /// What the service found in a body. `io`: how long it may take no byte of it.
    ///
    /// # Errors
    /// It did not answer, or with something else than a verdict.
    pub async fn scan(
        &self,
        message: &Message,
        body: &[u8],
        io: Duration,
    ) -> io::Result<Option<Arc<str>>> {
        let options = self.options().await?;
        let takes = match message.direction {
            Direction::Download => options.respmod,
            Direction::Upload => options.reqmod,
        };
        if !takes {
            let text = match message.direction {
                Direction::Download => "the ICAP service takes no RESPMOD",
                Direction::Upload => "the ICAP service takes no REQMOD",
            };
            return Err(invalid(text));
        }
        if let Some((stream, ())) = self.idle.take() {
            match self.scan_on(stream, &options, message, body, io).await {
                Ok(verdict) => return Ok(verdict),
                Err(error) if error.kind() == io::ErrorKind::TimedOut => return Err(error),
                // The service may have closed the connection meanwhile.
                Err(_) => {}
            }
        }
        let stream = self.connector.connect(CONNECT).await?;
        self.scan_on(stream, &options, message, body, io).await
    }

    async fn scan_on(
        &self,
        stream: Stream,
        options: &Options,
        message: &Message,
        body: &[u8],
        io: Duration,
    ) -> io::Result<Option<Arc<str>>> {
        let preview = options
            .preview
            .map(|most| most.min(MAX_PREVIEW).min(body.len()));
        let (first, rest) = body.split_at(preview.unwrap_or(body.len()));
        let head = self.head(message, body.len(), preview);
        let size = format!("{:x}\r\n", first.len());
        let end: &[u8] = match preview {
            Some(_) if rest.is_empty() => b"0; ieof\r\n\r\n",
            _ => b"0\r\n\r\n",
        };
        let mut pieces: Vec<&[u8]> = vec![head.as_bytes()];
        if !first.is_empty() {
            pieces.extend([size.as_bytes(), first, b"\r\n"]);
        }
        pieces.push(end);
        let (from, mut to) = tokio::io::split(stream);
        let mut from = BufReader::new(from);
        let answer = self.answer(&mut from, message, body);
        let (mut answer, mut sent) = exchange(&mut to, &pieces, io, answer).await?;
        if matches!(answer, Answer::Continue) && preview.is_some() && !rest.is_empty() {
            let size = format!("{:x}\r\n", rest.len());
            let pieces: [&[u8]; 3] = [size.as_bytes(), rest, b"\r\n0\r\n\r\n"];
            let reading = self.answer(&mut from, message, body);
            (answer, sent) = exchange(&mut to, &pieces, io, reading).await?;
        }
        match answer {
            Answer::Continue => Err(invalid("the ICAP service answered 100")),
            Answer::Found(name) => Ok(Some(name)),
            Answer::Unmodified { .. } if !sent => Err(invalid(
                "the ICAP service answered before it had the whole body",
            )),
            Answer::Unmodified { keeps } | Answer::Same { keeps } => {
                if sent && keeps && from.buffer().is_empty() {
                    self.idle.give(from.into_inner().unsplit(to), ());
                }
                Ok(None)
            }
        }
    }

    /// Reads a reply to its end, as far as it matters.
    async fn answer<R: AsyncBufRead + Unpin>(
        &self,
        from: &mut R,
        message: &Message,
        body: &[u8],
    ) -> io::Result<Answer> {
        let reply = read_head(from).await?;
        let keeps = !reply.closes();
        match reply.status {
            100 => return Ok(Answer::Continue),
            204 => return Ok(Answer::Unmodified { keeps }),
            200 | 206 => {}
            status => return Err(invalid(format!("the ICAP service answered {status}"))),
        }
        if let Some(name) = reply.threat() {
            return Ok(Answer::Found(clean_name(&name)));
        }
        let parts = reply
            .encapsulated()
            .ok_or_else(|| invalid("the ICAP service sent a malformed reply"))?;
        let head = read_until(from, b"\r\n\r\n", MAX_HEAD).await?;
        // An answer in place of what was to be sent, or another status than that of the answer: it blocks.
        let blocks = match (message.direction, parts.is_response) {
            (Direction::Upload, is_response) => is_response,
            (Direction::Download, _) => {
                let status = reply::http_status(&head);
                let status = status.ok_or_else(|| invalid("the ICAP service sent no HTTP"))?;
                status != message.status
            }
        };
        if blocks {
            return Ok(Answer::Found("blocked".into()));
        }
        let same = match parts.has_body {
            true => reads_the_same(from, body).await?,
            false => body.is_empty(),
        };
        Ok(match same {
            true => Answer::Same { keeps },
            false => Answer::Found("modified".into()),
        })
    }

    /// The head of a request with the heads of the message. Only what a scanner needs of these goes to it.
    fn head(&self, message: &Message, len: usize, preview: Option<usize>) -> String {
        let request = message.request_head(len);
        let (method, heads, parts) = match message.direction {
            Direction::Upload => {
                let parts = format!("req-hdr=0, req-body={}", request.len());
                ("REQMOD", request, parts)
            }
            Direction::Download => {
                let response = message.response_head(len);
                let (at, end) = (request.len(), request.len() + response.len());
                let parts = format!("req-hdr=0, res-hdr={at}, res-body={end}");
                ("RESPMOD", request + &response, parts)
            }
        };
        let preview = preview.map_or_else(String::new, |most| format!("Preview: {most}\r\n"));
        format!(
            "{method} {} ICAP/1.0\r\nHost: {}\r\nAllow: 204\r\n{preview}Encapsulated: {parts}\r\n\r\n{heads}",
            self.url, self.host
        )
    }
}

/// What a service answered.
enum Answer {
    /// It wants the rest of a previewed body.
    Continue,
    /// What was found, or what it wants to replace.
    Found(Arc<str>),
    /// Nothing is to be changed. `keeps`: the connection may be used again.
    Unmodified { keeps: bool },
    /// It sent the whole body back as it was.
    Same { keeps: bool },
}

async fn read_head<R: AsyncRead + Unpin>(from: &mut R) -> io::Result<Head> {
    let bytes = read_until(from, b"\r\n\r\n", MAX_HEAD).await?;
    Head::parse(&bytes).ok_or_else(|| invalid("the ICAP service sent a malformed reply"))
}

/// Reads a chunked body, and says whether it is `body`.
async fn reads_the_same<R: AsyncRead + Unpin>(from: &mut R, mut body: &[u8]) -> io::Result<bool> {
    use tokio::io::AsyncReadExt;
    let most = body.len() as u64 + MAX_PAGE;
    let (mut same, mut read) = (true, 0_u64);
    loop {
        let line = read_until(from, b"\r\n", MAX_LINE).await?;
        let size = reply::chunk_size(&line).ok_or_else(|| invalid("a malformed chunk"))?;
        read = read.saturating_add(size);
        if read > most {
            return Ok(false);
        }
        if size == 0 {
            read_until(from, b"\r\n", MAX_LINE).await?;
            return Ok(same && body.is_empty());
        }
        let mut left = usize::try_from(size).map_err(|_| invalid("a chunk's size"))?;
        let mut room = vec![0; left.min(64 * 1024)];
        while left > 0 {
            let part = room.get_mut(..left.min(64 * 1024)).unwrap_or_default();
            from.read_exact(part).await?;
            left -= part.len();
            match body.strip_prefix(&*part) {
                Some(rest) => body = rest,
                None => same = false,
            }
        }
        read_until(from, b"\r\n", 2).await?;
    }
}
