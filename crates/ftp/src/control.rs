//! The control connection: login, passive mode, and the commands that read.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use crate::passive;
use crate::path::is_forbidden;
use crate::reply::{self, MalformedReply, Reply};

/// Bytes that are read at a time.
const READ: usize = 4096;

/// Why an exchange on the control connection failed.
#[derive(Debug, thiserror::Error)]
pub enum FtpError {
    #[error("the control connection broke: {0}")]
    Io(#[from] io::Error),
    #[error("the server closed the control connection")]
    Closed,
    #[error("the server did not answer in time")]
    TimedOut,
    #[error("the server does not speak FTP: {0}")]
    Malformed(#[from] MalformedReply),
    #[error("the server's answer to EPSV and PASV names no port")]
    NoPort,
    #[error("{0}")]
    Refused(Refused),
    #[error("an argument holds CR, LF or NUL, which would end the command")]
    Forbidden,
}

/// A negative reply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the server refused {command}: {} {}", .reply.code, .reply.text)]
pub struct Refused {
    pub command: &'static str,
    pub reply: Reply,
}

/// A user name and password.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    pub user: Vec<u8>,
    pub password: Vec<u8>,
}

impl Login {
    /// As RFC 1635 describes it, without an address of the user.
    pub fn anonymous() -> Self {
        Self {
            user: b"anonymous".to_vec(),
            password: b"anonymous@".to_vec(),
        }
    }
}

/// The control connection. Every wait is bounded by the timeout.
pub struct Control<S> {
    stream: S,
    /// Bytes that were received and not read yet.
    received: Vec<u8>,
    timeout: Duration,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Control<S> {
    /// `preread`: bytes that the server sent already.
    pub fn new(stream: S, preread: &[u8], timeout: Duration) -> Self {
        Self {
            stream,
            received: preread.to_vec(),
            timeout,
        }
    }

    /// Waits for the greeting, logs in, and asks for files as they are (TYPE I).
    ///
    /// # Errors
    /// [`FtpError::Refused`] by `USER` or `PASS` where the login is not accepted.
    pub async fn start(&mut self, login: &Login) -> Result<(), FtpError> {
        // One timeout: a server may send one preliminary reply after another.
        let greeting = timeout(self.timeout, async {
            loop {
                let reply = Self::read(&mut self.stream, &mut self.received).await?;
                if !reply.is_preliminary() {
                    return Ok::<_, FtpError>(reply);
                }
            }
        });
        let greeting = greeting.await.map_err(|_| FtpError::TimedOut)??;
        accepted("the connection", greeting)?;
        let answer = self.command("USER", Some(&login.user)).await?;
        if answer.code == 331 {
            let answer = self.command("PASS", Some(&login.password)).await?;
            accepted("PASS", answer)?;
        } else {
            accepted("USER", answer)?;
        }
        let answer = self.command("TYPE", Some(b"I")).await?;
        accepted("TYPE I", answer)?;
        Ok(())
    }

    /// The size of a file (RFC 3659 section 4). `None`: the server does not say.
    ///
    /// # Errors
    /// [`FtpError::Refused`] with 550: there is no such file.
    pub async fn size(&mut self, path: &[u8]) -> Result<Option<u64>, FtpError> {
        let answer = self.command("SIZE", Some(path)).await?;
        match answer.code {
            213 => Ok(answer.text.parse().ok()),
            550 => Err(refused("SIZE", answer)),
            _ => Ok(None),
        }
    }

    /// Whether the path is a folder, which is then the current one.
    ///
    /// # Errors
    /// The connection failed.
    pub async fn enter(&mut self, path: &[u8]) -> Result<bool, FtpError> {
        let answer = self.command("CWD", Some(path)).await?;
        Ok(answer.is_positive())
    }

    /// The port of the next data connection: by EPSV, else by PASV.
    ///
    /// # Errors
    /// The server refuses both, or names no port.
    pub async fn passive(&mut self) -> Result<u16, FtpError> {
        let answer = self.command("EPSV", None).await?;
        if answer.code == 229
            && let Some(port) = passive::extended_port(&answer.text)
        {
            return Ok(port);
        }
        let answer = self.command("PASV", None).await?;
        let answer = accepted("EPSV and PASV", answer)?;
        passive::port(&answer.text).ok_or(FtpError::NoPort)
    }

    /// Asks that the next transfer begins at this byte. `false`: the server cannot do that.
    ///
    /// # Errors
    /// The connection failed.
    pub async fn restart_at(&mut self, offset: u64) -> Result<bool, FtpError> {
        let digits = offset.to_string();
        let answer = self.command("REST", Some(digits.as_bytes())).await?;
        Ok(answer.code == 350)
    }

    /// Asks for a file. The data connection has to be open.
    ///
    /// # Errors
    /// The server refuses the transfer.
    pub async fn retrieve(&mut self, path: &[u8]) -> Result<Transfer, FtpError> {
        self.transfer("RETR", Some(path)).await
    }

    /// Asks for a listing of the current folder. The data connection has to be open.
    ///
    /// # Errors
    /// The server refuses the transfer.
    pub async fn list(&mut self) -> Result<Transfer, FtpError> {
        self.transfer("LIST", None).await
    }

    /// Waits for the reply that ends a transfer.
    ///
    /// # Errors
    /// The server says that the transfer is not complete.
    pub async fn finish(&mut self, transfer: Transfer) -> Result<(), FtpError> {
        match transfer {
            Transfer::Announced => {
                let answer = self.reply().await?;
                accepted("the transfer", answer).map(|_| ())
            }
            Transfer::Complete => Ok(()),
        }
    }

    /// Says that the connection ends. The reply is not awaited.
    pub async fn quit(&mut self) {
        let sending = async {
            self.stream.write_all(b"QUIT\r\n").await?;
            self.stream.flush().await
        };
        let _ = timeout(self.timeout, sending).await;
    }

    async fn transfer(
        &mut self,
        verb: &'static str,
        argument: Option<&[u8]>,
    ) -> Result<Transfer, FtpError> {
        let answer = self.command(verb, argument).await?;
        if answer.is_preliminary() {
            return Ok(Transfer::Announced);
        }
        accepted(verb, answer).map(|_| Transfer::Complete)
    }

    async fn command(
        &mut self,
        verb: &'static str,
        argument: Option<&[u8]>,
    ) -> Result<Reply, FtpError> {
        let mut line = verb.as_bytes().to_vec();
        if let Some(argument) = argument {
            if argument.iter().any(|byte| is_forbidden(*byte)) {
                return Err(FtpError::Forbidden);
            }
            line.push(b' ');
            line.extend_from_slice(argument);
        }
        line.extend_from_slice(b"\r\n");
        let sending = async {
            self.stream.write_all(&line).await?;
            self.stream.flush().await
        };
        let sent = timeout(self.timeout, sending).await;
        sent.map_err(|_| FtpError::TimedOut)??;
        self.reply().await
    }

    async fn reply(&mut self) -> Result<Reply, FtpError> {
        let waiting = timeout(
            self.timeout,
            Self::read(&mut self.stream, &mut self.received),
        );
        waiting.await.map_err(|_| FtpError::TimedOut)?
    }

    /// Reads until a reply is complete.
    async fn read(stream: &mut S, received: &mut Vec<u8>) -> Result<Reply, FtpError> {
        loop {
            if let Some((reply, taken)) = reply::parse(received)? {
                received.drain(..taken);
                return Ok(reply);
            }
            received.reserve(READ);
            if stream.read_buf(received).await? == 0 {
                return Err(FtpError::Closed);
            }
        }
    }
}

/// A transfer that the server accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transfer {
    /// Another reply ends it.
    Announced,
    /// The server said already that it is complete.
    Complete,
}

fn accepted(command: &'static str, reply: Reply) -> Result<Reply, FtpError> {
    match reply.is_positive() {
        true => Ok(reply),
        false => Err(refused(command, reply)),
    }
}

fn refused(command: &'static str, reply: Reply) -> FtpError {
    FtpError::Refused(Refused { command, reply })
}

#[cfg(test)]
mod tests {
    use tokio::io::{DuplexStream, duplex};

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(5);

    /// A server that answers each line with the next of these; the first is its greeting.
    fn server(
        answers: &'static [&'static str],
    ) -> (Control<DuplexStream>, tokio::task::JoinHandle<String>) {
        let (ours, theirs) = duplex(64 * 1024);
        let serving = tokio::spawn(async move {
            let (mut reader, mut writer) = tokio::io::split(theirs);
            let mut seen = String::new();
            for (at, answer) in answers.iter().enumerate() {
                while at > 0 && seen.matches('\n').count() < at {
                    let mut byte = [0];
                    if reader.read(&mut byte).await.unwrap_or(0) == 0 {
                        return seen;
                    }
                    seen.push(char::from(byte[0]));
                }
                writer.write_all(answer.as_bytes()).await.unwrap();
            }
            seen
        });
        (Control::new(ours, b"", TIMEOUT), serving)
    }

    #[tokio::test]
    async fn a_login_asks_for_the_password_only_where_the_server_does() {
        let answers = &["220 hi\r\n", "331 password\r\n", "230 in\r\n", "200 ok\r\n"];
        let (mut control, serving) = server(answers);
        control.start(&Login::anonymous()).await.unwrap();
        assert_eq!(
            serving.await.unwrap(),
            "USER anonymous\r\nPASS anonymous@\r\nTYPE I\r\n"
        );
        let (mut control, serving) =
            server(&["120 soon\r\n220-hi\r\n220 \r\n", "230 in\r\n", "200 ok\r\n"]);
        control.start(&Login::anonymous()).await.unwrap();
        assert_eq!(serving.await.unwrap(), "USER anonymous\r\nTYPE I\r\n");
        let (mut control, _serving) = server(&["220 hi\r\n", "331 p\r\n", "530 no\r\n"]);
        let error = control.start(&Login::anonymous()).await.unwrap_err();
        assert_eq!(error.to_string(), "the server refused PASS: 530 no");
    }

    #[tokio::test]
    async fn pasv_is_asked_where_epsv_is_refused() {
        let (mut control, _serving) = server(&["", "229 ok (|||40000|)\r\n"]);
        assert_eq!(control.passive().await.unwrap(), 40_000);
        let (mut control, serving) = server(&["", "500 what\r\n", "227 (192,0,2,1,1,2)\r\n"]);
        assert_eq!(control.passive().await.unwrap(), 258);
        assert_eq!(serving.await.unwrap(), "EPSV\r\nPASV\r\n");
        let (mut control, _serving) = server(&["", "229 what\r\n", "227 what\r\n"]);
        assert!(matches!(control.passive().await, Err(FtpError::NoPort)));
    }

    #[tokio::test]
    async fn a_silent_server_and_an_argument_with_a_line_end_are_errors() {
        let (mut control, _serving) = server(&["", "", ""]);
        control.timeout = Duration::from_millis(50);
        assert!(matches!(control.passive().await, Err(FtpError::TimedOut)));
        let (mut control, _serving) = server(&[""]);
        let failed = control.retrieve(b"a\r\nDELE b").await;
        assert!(matches!(failed, Err(FtpError::Forbidden)), "{failed:?}");
    }
}
