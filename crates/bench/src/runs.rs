//! Interleaved runs of several proxies.

use std::borrow::Borrow;
use std::time::Instant;

use crate::bounds;
use crate::proxies::MeasuredProxy;

/// Interleaved runs of each proxy.
pub const RUNS: usize = 3;
/// Requests of one run.
pub const REQUESTS: usize = 32_000;
/// Clients that keep their connections.
pub const KEPT_CLIENTS: usize = 64;
/// The core of the clients and servers of a run; the proxy has the other one.
pub const LOAD_CORE: usize = 1;

/// Adds the runs of another round.
pub fn join(all: &mut Vec<(String, Vec<f64>)>, round: Vec<(String, Vec<f64>)>) {
    for (name, figures) in round {
        match all.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => known.extend(figures),
            None => all.push((name, figures)),
        }
    }
}

/// Measures the proxies in turn, several rounds. A peer that fails is reported and left out from then on; a failure of Privet is
/// an error.
pub fn interleave(
    all: &[impl Borrow<MeasuredProxy>],
    rounds: usize,
    measure: impl Fn(&MeasuredProxy) -> Result<f64, String>,
) -> Result<Vec<(String, Vec<f64>)>, String> {
    let mut runs: Vec<(String, Vec<f64>)> = all
        .iter()
        .map(|proxy| (proxy.borrow().name.clone(), Vec::new()))
        .collect();
    let mut fails = vec![false; all.len()];
    for round in 1..=rounds {
        let peers = all.iter().zip(&mut runs).zip(&mut fails);
        for ((proxy, (name, figures)), fails) in peers.filter(|(_, fails)| !**fails) {
            let (proxy, start) = (proxy.borrow(), Instant::now());
            match measure(proxy) {
                Ok(figure) => {
                    println!(
                        "  run {round} {name}: {figure:.2} ({:.1} s)",
                        start.elapsed().as_secs_f64()
                    );
                    figures.push(figure);
                }
                Err(why) if name == bounds::PRIVET => return Err(why),
                Err(why) => {
                    println!("  run {round} {name}: {why}");
                    *fails = true;
                }
            }
        }
    }
    runs.retain(|(_, figures)| !figures.is_empty());
    Ok(runs)
}

pub fn failed(proxy: &MeasuredProxy, error: &dyn std::fmt::Display) -> String {
    format!("{} failed under load: {error}", proxy.name)
}
