//! `Status`: how the server is, in figures.
#![forbid(unsafe_code)]

use aquifer::HeapReport;
use serde_json::{Value, json};

use crate::clock::{self, SECOND};
use crate::counters::{self, Figures, MAX_WORKERS, Tally, Worker};
use crate::service::Service;

/// What there is to know in one moment.
pub(crate) struct Status {
    pub(crate) figures: Figures,
    /// How many workers were ever started.
    pub(crate) starts: u64,
    /// Those that are alive, with their ages in seconds.
    pub(crate) workers: Vec<(Worker, f64)>,
    pub(crate) cached_answers: usize,
    pub(crate) cached_bytes: usize,
    pub(crate) report: HeapReport,
    /// What is wrong with the heap, if anything is.
    pub(crate) damage: Option<String>,
}

impl Status {
    pub(crate) fn of(service: &Service<'_>) -> Self {
        let shared = service.shared;
        let (figures, starts, rows) = match counters::lock(&shared.counters) {
            Some(counters) => (*counters.figures(), counters.starts, counters.workers),
            None => (Figures::NONE, 0, [Worker::NONE; MAX_WORKERS]),
        };
        let (cached_answers, cached_bytes) = shared.cache.contents();
        let (report, now) = (shared.heap.report(), clock::now());
        let is_alive = |worker: &Worker| {
            let processes = report.participants.iter().map(|participant| participant.process);
            worker.pid > 0 && processes.into_iter().any(|one| one.pid == worker.pid && one.is_alive)
        };
        let age =
            |worker: Worker| (worker, now.saturating_sub(worker.started) as f64 / SECOND as f64);
        let workers = rows.into_iter().filter(is_alive).map(age).collect();
        let damage = shared.heap.check().err().map(|damage| damage.to_string());
        Self { figures, starts, workers, cached_answers, cached_bytes, report, damage }
    }

    /// What part of the requests that could be answered by the cache was; 0 if there was none.
    pub(crate) fn hit_rate(&self) -> f64 {
        let Tally { hits, misses, .. } = self.figures.done;
        let asked = hits + misses;
        hits as f64 / asked.max(1) as f64
    }

    /// How many bytes of the heap are handed out, and in how many blocks.
    pub(crate) fn heap_use(&self) -> (usize, usize) {
        let stats = &self.report.stats;
        (stats.used_bytes, stats.used_blocks)
    }

    pub(crate) fn to_json(&self) -> Value {
        let Figures { done, latency } = &self.figures;
        let stats = &self.report.stats;
        let (used_bytes, blocks) = self.heap_use();
        let quantile = |part| latency.quantile(part) as f64 / 1e3;
        let worker = |(worker, age): &(Worker, f64)| {
            json!({
                "pid": worker.pid, "generation": worker.generation, "age_seconds": age,
                "requests": worker.requests, "connections": worker.connections,
            })
        };
        json!({
            "requests": done.requests,
            "statuses": done.statuses,
            "limited": done.limited,
            "bytes": done.bytes,
            "connections": done.connections,
            "cache": {
                "hits": done.hits, "misses": done.misses, "hit_rate": self.hit_rate(),
                "answers": self.cached_answers, "bytes": self.cached_bytes,
            },
            "latency": {
                "count": latency.total(),
                "p50_us": quantile(0.5), "p90_us": quantile(0.9),
                "p99_us": quantile(0.99), "p999_us": quantile(0.999),
                "buckets_ns": latency.buckets().collect::<Vec<_>>(),
            },
            "starts": self.starts,
            "workers": self.workers.iter().map(worker).collect::<Vec<_>>(),
            "heap": {
                "check": self.damage.as_deref().unwrap_or("whole"),
                "bytes": stats.bytes, "used_bytes": used_bytes, "blocks": blocks,
                "pages": stats.pages, "free_pages": stats.free_pages,
                "participants": stats.participants,
                "roots": self.report.roots.iter().map(|root| &root.name).collect::<Vec<_>>(),
            },
        })
    }
}
