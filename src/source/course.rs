//! Where a walk is, and how it goes on: the only place that pages, whatever is walked over.
//!
//! Invariants:
//! - A walk goes on behind the last key of a page *as it was read*, whatever becomes of its rows: one that
//!   cannot be opened, or whose key cannot be told, is in its page like any other.
//! - A walk is over when there is no row behind the last one, never because a page was short.
//! - A walk ends with an error where a server gives a row again as one behind it: so no walk is without an end.

use std::future::Future;

/// Where a walk is.
#[derive(Debug, Clone)]
pub(super) struct Course<K> {
    /// The key that it begins behind; none at the beginning.
    from: Option<K>,
    /// The key that it ends with.
    upto: Option<K>,
    /// The key that it goes on behind.
    after: Option<K>,
    is_over: bool,
}

impl<K> Default for Course<K> {
    fn default() -> Self {
        Self { from: None, upto: None, after: None, is_over: false }
    }
}

impl<K: Clone + PartialEq> Course<K> {
    /// From now on only over the rows behind `after`, up to and including `upto`.
    pub(super) fn over(&mut self, after: Option<K>, upto: Option<K>) {
        self.from = after;
        self.upto = upto;
        self.begin_again();
    }

    /// Goes back to the beginning.
    pub(super) fn begin_again(&mut self) {
        self.after.clone_from(&self.from);
        self.is_over = false;
    }

    /// A course over what this one has passed; none at its beginning.
    pub(super) fn passed(&self) -> Option<Self> {
        let upto = self.after.clone().filter(|after| self.from.as_ref() != Some(after))?;
        Some(Self { from: self.from.clone(), upto: Some(upto), after: self.from.clone(), is_over: false })
    }

    /// Goes on behind this key.
    pub(super) fn go_on_behind(&mut self, key: K) {
        self.after = Some(key);
        self.is_over = false;
    }

    /// The next rows, up to `limit` of them; none behind the last one. `read` reads so many behind a key, up to
    /// another; `key` tells a row's, if it can go on behind that; `is_at` whether a row has this very key, `stuck` what to
    /// say where one comes again that the page was to begin behind.
    pub(super) async fn next<R, E, F>(
        &mut self,
        limit: usize,
        read: impl Fn(Option<K>, Option<K>, usize) -> F,
        key: impl Fn(&R) -> Option<K>,
        is_at: impl Fn(&R, &K) -> bool,
        stuck: impl Fn(&K) -> E,
    ) -> Result<Option<Vec<R>>, E>
    where
        F: Future<Output = Result<Vec<R>, E>>,
    {
        let mut limit = limit.max(1);
        while !self.is_over {
            let mut page = read(self.after.clone(), self.upto.clone(), limit).await?;
            if let Some(after) = &self.after
                && page.iter().any(|row| is_at(row, after))
            {
                return Err(stuck(after));
            }
            // What stands behind the last key that can be bound is read again with the next page.
            if let Some(at) = page.iter().rposition(|row| key(row).is_some()) {
                self.after = key(&page[at]);
                self.is_over = self.upto.is_some() && self.after == self.upto;
                page.truncate(at + 1);
                return Ok(Some(page));
            }
            if page.len() < limit {
                self.is_over = true;
                return Ok((!page.is_empty()).then_some(page));
            }
            limit *= 2; // until it has a key that can be bound
        }
        Ok(None)
    }
}
