//! What Privet's figures are to reach, and what profiles show where they do not.

/// What a figure of Privet is to reach; less is better.
enum Limit {
    /// This many times the best peer's figure.
    OfBestPeer(f64),
    AtMost(f64),
}

struct Bound {
    row: &'static str,
    limit: Limit,
    /// Printed where the figure is above the limit.
    why_missed: &'static str,
}

const TUNNEL: &str = "More than four fifths of the time are the kernel's: two connections are opened, passed on and closed, with four \
    to six system calls more than a bare epoll loop makes (options of the socket to the destination, for SOCKS its own address, two \
    removals from the runtime's epoll set). The rest is a task, a row of the connection log and the look-up of the client's \
    program, which the peers do without.";

const REQUEST: &str = "Three quarters of the time are the kernel's: two reads and two writes a request, as a bare loop that copies \
    bytes makes them. A client that is waiting has to be woken by each write, which costs more where the proxy is slower than \
    the load. The rest is two heads that are checked and written anew, and the request's row.";

const BOUNDS: &[Bound] = &[
    Bound {
        row: "socks-connect",
        limit: Limit::OfBestPeer(0.9),
        why_missed: TUNNEL,
    },
    Bound {
        row: "http-connect",
        limit: Limit::OfBestPeer(0.7),
        why_missed: TUNNEL,
    },
    Bound {
        row: "bulk",
        limit: Limit::OfBestPeer(1.0),
        why_missed: "Nearly all of the time is `splice` in the kernel, for both.",
    },
    Bound {
        row: "idle",
        limit: Limit::AtMost(2.0),
        why_missed: "It is a task, a row of the connection log and two sockets of the runtime.",
    },
    Bound {
        row: "reverse",
        limit: Limit::OfBestPeer(0.9),
        why_missed: REQUEST,
    },
    Bound {
        row: "cache-small",
        limit: Limit::OfBestPeer(0.8),
        why_missed: "Most of the time are the kernel's read and write of one request.",
    },
    Bound {
        row: "cache-large",
        limit: Limit::OfBestPeer(1.0),
        why_missed: "Nearly all of the time is the kernel's, which copies the body into the socket: one call for each answer.",
    },
    Bound {
        row: "cache-disk",
        limit: Limit::OfBestPeer(1.0),
        why_missed: "Nearly all of the time is `sendfile` in the kernel, for both.",
    },
    Bound {
        row: "cache-miss",
        limit: Limit::OfBestPeer(1.1),
        why_missed: "A miss makes a key, applies the rules for storing to both heads, writes a copy of the response into memory that \
            was not used before, and answers from what it stored.",
    },
    Bound {
        row: "scan-first-byte",
        limit: Limit::AtMost(1000.0),
        why_missed: "The beginning of a large body passes on while the scanner reads it.",
    },
];

/// The bound of a row and whether it is kept, as sentences. `medians`: each program's, Privet among them.
pub fn verdict(row: &str, medians: &[(&str, f64)]) -> Option<String> {
    let bound = BOUNDS.iter().find(|bound| bound.row == row)?;
    let (_, ours) = medians.iter().find(|(name, _)| *name == PRIVET)?;
    let (kept, limit, reached) = match bound.limit {
        Limit::AtMost(limit) => (*ours <= limit, limit.to_string(), format!("{ours:.2}")),
        Limit::OfBestPeer(share) => {
            let peers = medians.iter().filter(|(name, _)| *name != PRIVET);
            let (name, best) = peers.min_by(|one, other| one.1.total_cmp(&other.1))?;
            let ratio = ours / best;
            (
                ratio <= share,
                format!("{share} of {name}"),
                format!("{ratio:.2}"),
            )
        }
    };
    Some(match kept {
        true => format!("The bound is {limit}; reached: {reached}."),
        false => format!(
            "The bound is {limit}; missed: {reached}. {}",
            bound.why_missed
        ),
    })
}

/// Privet's name in the rows.
pub const PRIVET: &str = "Privet";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_compared_with_the_best_peer_and_a_miss_says_why() {
        let at = |ours| {
            let medians = [("slow", 20.0), (PRIVET, ours), ("quick", 10.0)];
            verdict("reverse", &medians)
        };
        assert_eq!(
            at(9.0).as_deref(),
            Some("The bound is 0.9 of quick; reached: 0.90.")
        );
        let missed = format!("The bound is 0.9 of quick; missed: 0.95. {REQUEST}");
        assert_eq!(at(9.5), Some(missed));
        let idle = verdict("idle", &[(PRIVET, 1.9)]);
        assert_eq!(idle.as_deref(), Some("The bound is 2; reached: 1.90."));
        assert_eq!(verdict("hostile", &[(PRIVET, 1.0)]), None);
        assert_eq!(verdict("reverse", &[(PRIVET, 1.0)]), None);
    }
}
