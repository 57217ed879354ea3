//! All rows of a source, page by page.

use keyrotation_journal::Key;
use tokio::task::JoinSet;

use super::{Row, Source};
use crate::error::Result;

/// Reads a source from its beginning to its end. While somebody looks at a page, the next one is
/// on its way.
#[derive(Debug)]
pub struct Pages {
    source: Source,
    limit: usize,
    /// The one read that is on; dropped with this, it ends.
    reading: JoinSet<Result<Vec<Row>>>,
}

impl Pages {
    /// Pages of up to `limit` rows.
    pub fn new(source: &Source, limit: usize) -> Self {
        let mut pages = Self { source: source.clone(), limit, reading: JoinSet::new() };
        pages.read(None);
        pages
    }

    /// The next page; none behind the last row.
    pub async fn next(&mut self) -> Result<Option<Vec<Row>>> {
        let page = match self.reading.join_next().await {
            None => return Ok(None),
            Some(Ok(page)) => page?,
            Some(Err(error)) => std::panic::resume_unwind(error.into_panic()),
        };
        let Some(last) = page.last() else { return Ok(None) };
        self.read(Some(last.key.clone()));
        Ok(Some(page))
    }

    fn read(&mut self, after: Option<Key>) {
        let (source, limit) = (self.source.clone(), self.limit);
        self.reading.spawn(async move { source.page(after.as_ref(), None, limit).await });
    }
}
