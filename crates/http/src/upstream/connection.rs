//! A connection to an origin or an HTTP upstream, for one request after another.

use std::io;
use std::mem::MaybeUninit;
use std::task::{Context, Poll, Waker};

use privet_net::{Connected, DialTimings, Stream};
use privet_policy::Target;
use socket2::SockRef;
use tokio::io::Interest;

use super::origin_state::OriginState;
use crate::body::Buffer;
use crate::h1::pooled::Pooled;

pub struct OriginConnection {
    pub connected: Connected,
    pub target: Target,
    /// [`privet_gateway::RouteDecision::pool_key`]: who may share it.
    pub key: u64,
    /// Its place in the pool, once that is known.
    pub slot: Option<u64>,
    /// It served a request before: a failure may only mean that the origin closed it in between.
    pub reused: bool,
    /// It serves one client connection only: see [`super::pinned`].
    pub pinned: bool,
    pub buffer: Option<Buffer>,
    pub state: Pooled<OriginState>,
}

impl OriginConnection {
    /// Boxed: it is passed on many times for each request.
    pub fn new(connected: Connected, target: Target, key: u64) -> Box<Self> {
        Box::new(Self {
            connected,
            target,
            key,
            slot: None,
            reused: false,
            pinned: false,
            buffer: None,
            state: Pooled::none(),
        })
    }

    /// Prepares it for the pool: resets what only applied to its first request.
    pub fn rest(&mut self) {
        self.reused = true;
        self.buffer = None;
        self.state.give_back();
        self.connected.timings = DialTimings::default();
    }

    pub fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let buffer = self.buffer.get_or_insert_with(Buffer::small);
        let result = buffer.poll_fill(cx, &mut self.connected.stream);
        if result.is_pending() && buffer.is_empty() {
            self.buffer = None;
        }
        result
    }

    /// Whether the connection is open and has nothing to read: unrequested bytes must not be taken for a response.
    /// `thorough` asks the kernel; otherwise the runtime's knowledge is enough, since the request may be sent again.
    pub fn is_quiet(&mut self, thorough: bool) -> bool {
        // The runtime takes the socket for readable where something arrived, or where the last read filled its buffer.
        if !self.is_known_unreadable() {
            let mut cx = Context::from_waker(Waker::noop());
            if self.poll_fill(&mut cx).is_ready() {
                return false;
            }
        }
        match &self.connected.stream {
            Stream::Tcp(tcp) if thorough => {
                let mut byte = [MaybeUninit::uninit(); 1];
                matches!(SockRef::from(tcp).peek(&mut byte),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock)
            }
            _ => true,
        }
    }

    /// Whether the runtime knows that nothing can be read. It is asked without a system call.
    fn is_known_unreadable(&self) -> bool {
        match &self.connected.stream {
            Stream::Tcp(tcp) => tcp.try_io(Interest::READABLE, || Ok(())).is_err(),
            Stream::Boxed(_) => false,
        }
    }
}
