//! How many rows a chunk has, and how many are written in a second.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::Flow;
use crate::signals::Stop;
use crate::sizes::Sizes;
use crate::source::Row;

/// The most bytes of stored values in a chunk.
const MAX_BYTES: usize = 2 << 20;

/// A chunk quicker than this is followed by a larger one: its commit costs more than its rows.
const QUICK: Duration = Duration::from_millis(700);
/// A chunk slower than this is followed by a smaller one: stopping waits for it.
const SLOW: Duration = Duration::from_secs(3);

/// The same two beside servers that work with the rows.
const GENTLE: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(50));

/// The longest rest before a chunk, where servers work with the rows and commits take long.
const LONGEST_REST: Duration = Duration::from_secs(1);

/// A transaction older than this is committed, whatever it holds.
const OLD: Duration = Duration::from_secs(6);

/// Adapts the size of chunks to how long they take and how much they hold.
#[derive(Debug, Clone)]
pub struct Pacer {
    sizes: Sizes,
    /// What the time allows.
    rows: Arc<AtomicUsize>,
    /// What the weight of the rows seen last allows.
    light: Arc<AtomicUsize>,
    /// The most rows where chunks are written side by side, each with a commit of its own.
    alone: Arc<AtomicUsize>,
    /// The most rows that are written in a second; 0 for no limit.
    most: watch::Sender<u32>,
    /// A chunk quicker than the first is followed by a larger one, one slower than the second by a
    /// smaller one.
    bounds: (Duration, Duration),
    /// How long it rests before a chunk, in milliseconds: chunks cannot be made smaller, and take long nevertheless.
    rest: Option<Arc<AtomicU64>>,
    /// When the rows that were let through are through, at that pace.
    free_at: Arc<Mutex<Instant>>,
    fixed: bool,
}

impl Pacer {
    /// Starts with `rows` a chunk, and stays there if `fixed`.
    pub fn new(sizes: Sizes, rows: usize, fixed: bool) -> Self {
        let rows = if fixed { rows } else { rows.clamp(sizes.chunk_min, sizes.chunk_max) };
        Self {
            sizes,
            rows: Arc::new(AtomicUsize::new(rows)),
            light: Arc::new(AtomicUsize::new(sizes.chunk_max)),
            alone: Arc::new(AtomicUsize::new(sizes.chunk_max)),
            most: watch::Sender::default(),
            bounds: (QUICK, SLOW),
            rest: None,
            free_at: Arc::new(Mutex::new(Instant::now())),
            fixed,
        }
    }

    /// Keeps transactions short, since others wait for the rows in them, and rests where they take long nevertheless.
    #[must_use]
    pub fn gentle(mut self) -> Self {
        self.bounds = GENTLE;
        self.rest = Some(Arc::default());
        if !self.fixed {
            self.rows.store(self.sizes.chunk_min, Ordering::Relaxed);
        }
        self
    }

    /// Keeps well below what a server allows a statement: begins with small chunks, and lets them grow
    /// with more care.
    #[must_use]
    pub fn within(mut self, statement: Option<Duration>) -> Self {
        if let Some(limit) = statement {
            self.bounds = (self.bounds.0.min(limit / 16), self.bounds.1.min(limit / 4));
            if !self.fixed {
                self.rows.store(self.sizes.chunk_min, Ordering::Relaxed);
            }
        }
        self
    }

    /// From now on no more rows than this are written in a second; `None` lifts the limit. Says what
    /// the limit was.
    pub fn limit(&self, rows_per_second: Option<u32>) -> Option<u32> {
        self.restart();
        let before = self.most.send_replace(rows_per_second.unwrap_or_default());
        (before > 0).then_some(before)
    }

    /// The most rows that are written in a second, if there is a limit.
    pub fn pace(&self) -> Option<u32> {
        let most = *self.most.borrow();
        (most > 0).then_some(most)
    }

    /// Forgets whose turn was promised for when: nobody waits for it any more.
    pub(super) fn restart(&self) {
        *self.free_at.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Returns when so many rows may be written, or when somebody asks to stop. A new limit counts
    /// for whoever waits, too.
    pub async fn wait(&self, rows: usize, stop: &Stop) -> Flow {
        let mut limit = self.most.subscribe();
        loop {
            let most = *limit.borrow_and_update();
            if most == 0 || rows == 0 {
                return Flow::Finished;
            }
            let turn = {
                let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
                // Time that nobody used is not saved up: the pace holds in every second.
                let turn = (*free_at).max(Instant::now());
                *free_at = turn + Duration::from_secs(rows as u64) / most;
                turn
            };
            tokio::select! {
                () = tokio::time::sleep_until(turn) => return Flow::Finished,
                () = stop.asked() => return Flow::Interrupted,
                Ok(()) = limit.changed() => {}
            }
        }
    }

    /// Begins with a target of whose rows only this is known: so many may be read at once. Chunks that
    /// are written side by side stay small: larger ones gain nothing, take memory, and leave writers
    /// idle at the end.
    pub fn begin(&self, rows: usize, side_by_side: bool) {
        self.light.store(rows, Ordering::Relaxed);
        self.alone.store(
            if side_by_side { self.sizes.side_by_side } else { self.sizes.chunk_max },
            Ordering::Relaxed,
        );
    }

    /// How many rows the next chunk has at most.
    pub fn rows(&self) -> usize {
        let rows = self.rows.load(Ordering::Relaxed);
        if self.fixed {
            return rows;
        }
        // At a slow pace a chunk is a second's worth.
        let most = self
            .pace()
            .map_or(self.sizes.chunk_max, |most| usize::try_from(most).unwrap_or(self.sizes.chunk_max));
        let alone = self.alone.load(Ordering::Relaxed);
        rows.min(self.light.load(Ordering::Relaxed)).min(most).min(alone)
    }

    /// Whether a transaction that holds so many rows and is so old should be committed. One that is
    /// larger saves work, since chunks touch the same pages of the indexes over ciphertexts; one that
    /// is older makes stopping wait. With a fixed size every chunk is committed alone.
    pub fn is_full(&self, rows: usize, age: Duration) -> bool {
        self.fixed || rows >= self.sizes.transaction || age >= OLD
    }

    /// Drops rows from the end of a page until it is no heavier than 2 MiB, and says
    /// whether it had to.
    pub fn trim(&self, page: &mut Vec<Row>) -> bool {
        if self.fixed {
            return false;
        }
        let before = page.len();
        let mut bytes = 0;
        let heavy = page.iter().position(|row| {
            bytes += row.values.iter().map(crate::db::Value::weight).sum::<usize>();
            bytes > MAX_BYTES
        });
        // It ends with a row behind which a walk can go on.
        let is_readable = |row: &Row| row.key.is_readable();
        let end = heavy.and_then(|at| {
            let within = page.iter().take(at.max(1)).rposition(is_readable);
            within.or_else(|| page.iter().position(is_readable))
        });
        page.truncate(end.map_or(before, |at| at + 1));
        // The next page is not to be read for nothing: as many rows as would have fitted.
        if let Some(fitting) = (MAX_BYTES * page.len()).checked_div(bytes) {
            self.light.store(fitting.clamp(1, self.sizes.chunk_max), Ordering::Relaxed);
        }
        page.len() < before
    }

    /// How long to rest before the next chunk.
    pub fn rest(&self) -> Duration {
        Duration::from_millis(self.rest.as_ref().map_or(0, |rest| rest.load(Ordering::Relaxed)))
    }

    /// Small chunks that take long say that the server has much to do: it gets as much time for others.
    fn learn_to_rest(&self, elapsed: Duration) {
        let Some(rest) = &self.rest else { return };
        let is_small = self.fixed || self.rows.load(Ordering::Relaxed) <= self.sizes.chunk_min;
        let is_slow = elapsed > self.bounds.1 * 2;
        let next = if is_slow && is_small { elapsed.min(LONGEST_REST) } else { Duration::ZERO };
        rest.store(u64::try_from(next.as_millis()).unwrap_or_default(), Ordering::Relaxed);
    }

    /// Learns from a chunk of `rows` rows that took `elapsed`.
    pub fn learn(&self, rows: usize, elapsed: Duration) {
        self.learn_to_rest(elapsed);
        let size = self.rows.load(Ordering::Relaxed);
        if self.fixed || rows < self.rows() / 2 {
            return; // a short last page, or one cut by its weight, says nothing of larger ones
        }
        let next = match elapsed {
            quick if quick < self.bounds.0 => size * 2,
            slow if slow > self.bounds.1 => size / 2,
            _ => size,
        };
        self.rows.store(next.clamp(self.sizes.chunk_min, self.sizes.chunk_max), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use keyrotation_journal::{Key, KeyPart};

    use super::*;
    use crate::db::Value;

    #[test]
    fn chunks_keep_below_what_a_statement_may_take() {
        let pacer = Pacer::new(Sizes::USUAL, 1000, false).within(Some(Duration::from_millis(800)));
        assert_eq!(pacer.rows(), Sizes::USUAL.chunk_min);
        pacer.learn(Sizes::USUAL.chunk_min, Duration::from_millis(40));
        assert_eq!(pacer.rows(), 2 * Sizes::USUAL.chunk_min);
        pacer.learn(2 * Sizes::USUAL.chunk_min, Duration::from_millis(60));
        assert_eq!(pacer.rows(), 2 * Sizes::USUAL.chunk_min, "another doubling might come near the limit");
        pacer.learn(2 * Sizes::USUAL.chunk_min, Duration::from_millis(210));
        assert_eq!(pacer.rows(), Sizes::USUAL.chunk_min);
        assert_eq!(Pacer::new(Sizes::USUAL, 7, true).within(Some(Duration::from_millis(800))).rows(), 7);
    }

    #[test]
    fn quick_chunks_grow_and_slow_ones_shrink_within_bounds() {
        let pacer = Pacer::new(Sizes::USUAL, 1000, false);
        for _ in 0..10 {
            pacer.learn(pacer.rows(), Duration::from_millis(1));
        }
        assert_eq!(pacer.rows(), Sizes::USUAL.chunk_max);
        for _ in 0..10 {
            pacer.learn(pacer.rows(), Duration::from_secs(10));
        }
        assert_eq!(pacer.rows(), Sizes::USUAL.chunk_min);
    }

    #[test]
    fn small_chunks_that_take_long_are_followed_by_a_rest_where_servers_work() {
        let pacer = Pacer::new(Sizes::gentle(), 500, false).gentle();
        let [slow, quick] = [200, 10].map(Duration::from_millis);
        for (elapsed, rest) in [(slow, 200), (quick, 0), (Duration::from_secs(9), 1000)] {
            pacer.learn(1, elapsed);
            assert_eq!(pacer.rest(), Duration::from_millis(rest));
        }
        let alone = Pacer::new(Sizes::USUAL, 100, false);
        alone.learn(100, Duration::from_mins(1));
        assert_eq!(alone.rest(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pace_holds_in_every_second_and_can_change() {
        let (_stopper, stop) = Stop::new();
        let pacer = Pacer::new(Sizes::USUAL, 1000, false);
        pacer.limit(Some(200));
        assert_eq!(pacer.rows(), 200);
        tokio::time::sleep(Duration::from_secs(10)).await; // not saved up
        let begun = Instant::now();
        for _ in 0..6 {
            pacer.wait(100, &stop).await; // the sixth waits for the five before it
        }
        assert_eq!(begun.elapsed(), Duration::from_millis(2500));
        pacer.limit(None);
        let begun = Instant::now();
        pacer.wait(1_000_000, &stop).await;
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_for_a_slow_pace_goes_on_as_soon_as_it_is_lifted() {
        let (_stopper, stop) = Stop::new();
        let pacer = Pacer::new(Sizes::USUAL, 1000, true);
        assert_eq!(pacer.limit(Some(1)), None);
        pacer.wait(1000, &stop).await; // the next turn is in a thousand seconds
        let begun = Instant::now();
        let faster = async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            assert_eq!(pacer.limit(None), Some(1));
        };
        tokio::join!(pacer.wait(1000, &stop), faster);
        assert_eq!(begun.elapsed(), Duration::from_secs(5));
        assert_eq!(pacer.pace(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn somebody_who_asks_to_stop_does_not_wait_for_the_pace() {
        let (stopper, stop) = Stop::new();
        let pacer = Pacer::new(Sizes::USUAL, 1000, false);
        pacer.limit(Some(1));
        pacer.wait(1000, &stop).await;
        stopper.ask();
        assert_eq!(pacer.wait(1, &stop).await, Flow::Interrupted);
    }

    #[test]
    fn a_size_from_the_command_line_is_taken_literally() {
        let pacer = Pacer::new(Sizes::USUAL, 7, true);
        pacer.learn(7, Duration::from_millis(1));
        assert_eq!(pacer.rows(), 7);
    }

    #[test]
    fn a_heavy_page_is_cut_but_never_to_nothing() {
        let row = |bytes| Row {
            key: Key(vec![KeyPart::Int(1)]),
            values: vec![Value::Bytes(vec![0; bytes])],
            hashes: vec![None],
            group: None,
            problem: None,
        };
        let pacer = Pacer::new(Sizes::USUAL, 100, false);
        let mut page = vec![row(MAX_BYTES / 2), row(MAX_BYTES / 2), row(1)];
        pacer.trim(&mut page);
        assert_eq!(page.len(), 2);
        let mut page = vec![row(MAX_BYTES * 2), row(1)];
        pacer.trim(&mut page);
        assert_eq!(page.len(), 1);
    }
}
