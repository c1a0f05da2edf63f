//! The control connection of one request: finds out what the path is, and opens the data connection beside it.

use std::net::IpAddr;
use std::time::Duration;

use privet_ftp::{Control, FtpError};
use privet_gateway::{Gateway, RequestContext};
use privet_net::Stream;
use privet_policy::Target;
use tokio::time::timeout;

use super::failure::{Failure, FailurePage};
use super::listing_page;
use super::range::Part;
use super::request::FtpRequest;
use super::response::{Data, FtpResponse, ResponseHead};

/// The wait for one reply of the server, and for the next bytes of a listing.
const REPLY: Duration = Duration::from_secs(30);
/// Bytes of a listing that are read; what follows is left out, and the page says so.
const MAX_LISTING: usize = 1024 * 1024;
/// Bytes of a listing that are read at a time.
const PIECE: usize = 16 * 1024;

pub(super) struct Session<'c, G> {
    gateway: &'c G,
    context: &'c RequestContext<'c>,
    control: Control<Stream>,
    /// Where the control connection went, where that is known.
    remote: Option<IpAddr>,
}

impl<'c, G: Gateway> Session<'c, G> {
    pub fn new(
        gateway: &'c G,
        context: &'c RequestContext<'c>,
        control: Stream,
        preread: &[u8],
        remote: Option<IpAddr>,
    ) -> Self {
        Self {
            gateway,
            context,
            control: Control::new(control, preread, REPLY),
            remote,
        }
    }

    /// Logs in, and asks for the file or the folder.
    pub async fn fetch(mut self, request: &FtpRequest) -> Result<FtpResponse, Failure> {
        self.control.start(&request.login).await?;
        let path = &request.path.bytes;
        if request.path.is_folder {
            let folder = without_final_slash(path);
            if !folder.is_empty() && !self.control.enter(folder).await? {
                let text = "the server has no such folder";
                return Err(FailurePage::new(404, "not found by FTP", text).into());
            }
            return self.listing(request).await;
        }
        let size = match self.control.size(path).await {
            Ok(size) => size,
            Err(FtpError::Refused(refused)) => {
                if self.control.enter(path).await? {
                    return self.listing(request).await;
                }
                if request.head_only {
                    return Err(FtpError::Refused(refused).into());
                }
                None
            }
            Err(error) => return Err(error.into()),
        };
        self.file(request, size).await
    }

    async fn file(
        mut self,
        request: &FtpRequest,
        size: Option<u64>,
    ) -> Result<FtpResponse, Failure> {
        let part = wanted_part(request, size)?;
        if request.head_only {
            let head = ResponseHead::of_file(None, size).bytes();
            return Ok(FtpResponse::without_file(head));
        }
        let data = self.open_data().await?;
        let part = match part {
            Some(part) if self.control.restart_at(part.first).await? => Some(part),
            _ => None,
        };
        let transfer = self.control.retrieve(&request.path.bytes).await?;
        let head = ResponseHead::of_file(part, size);
        Ok(FtpResponse::with_file(&head, data, self.control, transfer))
    }

    async fn listing(mut self, request: &FtpRequest) -> Result<FtpResponse, Failure> {
        if request.head_only {
            return Ok(FtpResponse::without_file(
                ResponseHead::of_page(None).bytes(),
            ));
        }
        let mut data = self.open_data().await?;
        let transfer = self.control.list().await?;
        let (lines, is_cut) = read_lines(&mut data).await?;
        drop(data);
        if !is_cut {
            self.control.finish(transfer).await?;
        }
        self.control.quit().await;
        let page = listing_page::page(request, &lines, is_cut);
        let mut whole = ResponseHead::of_page(Some(page.len() as u64)).bytes();
        whole.extend_from_slice(&page);
        Ok(FtpResponse::without_file(whole))
    }

    /// Opens the data connection. It is decided on anew: rules may be about its port. A direct one goes to the address of the
    /// control connection.
    async fn open_data(&mut self) -> Result<Data, Failure> {
        let target = Target {
            host: self.context.target.host.clone(),
            port: self.control.passive().await?,
        };
        let context = RequestContext {
            target: &target,
            ..self.context.clone()
        };
        let refused = |refusal| Failure::Refused(refusal, target.clone());
        let decision = self.gateway.decide(&context).await.map_err(refused)?;
        let dialed = match self.remote {
            Some(address) => {
                let dialing = self.gateway.dial_address(&context, &decision, address);
                dialing.await
            }
            None => {
                let mode = privet_net::HttpProxyMode::Connect;
                self.gateway.dial(&context, &decision, mode).await
            }
        };
        let connected = dialed.map_err(refused)?;
        let row = self.gateway.record(&context, &decision, &connected);
        Ok(Data::new(connected.stream, connected.preread, row))
    }
}

fn wanted_part(request: &FtpRequest, size: Option<u64>) -> Result<Option<Part>, Failure> {
    let (Some(range), Some(size)) = (request.range, size) else {
        return Ok(None);
    };
    match range.part(size) {
        Some(part) => Ok(Some(part)),
        None => {
            let text = format!("the file has {size} bytes");
            Err(FailurePage::new(416, "no such range", text).into())
        }
    }
}

/// Whole lines of a listing, and whether there were more than are read.
async fn read_lines(data: &mut Data) -> Result<(Vec<u8>, bool), Failure> {
    let mut lines = Vec::new();
    let mut buffer = vec![0; PIECE];
    loop {
        let reading = timeout(REPLY, data.read(&mut buffer)).await;
        let read = reading.map_err(|_| FtpError::TimedOut)?;
        let count = read.map_err(FtpError::Io)?;
        if count == 0 {
            return Ok((lines, false));
        }
        lines.extend_from_slice(buffer.get(..count).unwrap_or_default());
        if lines.len() > MAX_LISTING {
            let end = lines.iter().rposition(|&byte| byte == b'\n');
            lines.truncate(end.map_or(0, |at| at + 1));
            return Ok((lines, true));
        }
    }
}

/// The root stays as it is.
fn without_final_slash(path: &[u8]) -> &[u8] {
    match path.strip_suffix(b"/") {
        Some(folder) if !folder.is_empty() => folder,
        _ => path,
    }
}
