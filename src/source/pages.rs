//! The rows of a source, page by page.

use keyrotation_journal::Key;
use tokio::task::JoinSet;

use super::file_rows::FileWalk;
use super::{Row, TableSource, Walk};
use crate::error::Result;

/// A walk over the rows of a source, or over a range of them.
#[derive(Debug)]
pub struct Rows(pub(super) Way);

#[derive(Debug)]
pub(super) enum Way {
    Table(TableSource, Walk),
    Files(FileWalk),
}

impl Rows {
    /// The next rows, up to `limit` of them; none behind the last one.
    pub async fn next(&mut self, limit: usize) -> Result<Option<Vec<Row>>> {
        match &mut self.0 {
            Way::Table(table, walk) => table.read(walk.next(limit).await),
            Way::Files(files) => files.next(limit).await,
        }
    }

    /// Likewise, but there are fewer only if there are no more, and whether it is so: see [`Walk::fill`].
    pub async fn fill(&mut self, limit: usize) -> Result<(Vec<Row>, bool)> {
        let mut page = Vec::new();
        while page.len() < limit {
            match self.next(limit).await? {
                Some(more) => page.extend(more),
                None => return Ok((page, true)),
            }
        }
        Ok((page, false))
    }

    /// From now on only over the rows behind `after`, up to and including `upto`. Files are not listed again.
    pub fn over(&mut self, after: Option<&Key>, upto: Option<&Key>) {
        match &mut self.0 {
            Way::Table(_, walk) => walk.over(after, upto),
            Way::Files(files) => files.over(after, upto),
        }
    }

    /// Goes on behind this key.
    pub fn go_on_behind(&mut self, key: &Key) {
        match &mut self.0 {
            Way::Table(_, walk) => walk.go_on_behind(key),
            Way::Files(files) => files.go_on_behind(key),
        }
    }

    /// Reads on while a page is being processed.
    pub fn ahead(self, limit: usize) -> Pages {
        let mut pages = Pages { limit, reading: JoinSet::new() };
        pages.read(self);
        pages
    }
}

/// A page, and the walk behind it.
type Read = (Vec<Row>, Rows);

/// Pages of a walk of which the next one is on its way.
#[derive(Debug)]
pub struct Pages {
    limit: usize,
    /// The one read that is on; dropped with this, it ends.
    reading: JoinSet<Result<Option<Read>>>,
}

impl Pages {
    /// The next page; none behind the last row.
    pub async fn next(&mut self) -> Result<Option<Vec<Row>>> {
        let read = match self.reading.join_next().await {
            None => return Ok(None),
            Some(Ok(read)) => read?,
            Some(Err(error)) => std::panic::resume_unwind(error.into_panic()),
        };
        let Some((page, rows)) = read else { return Ok(None) };
        self.read(rows);
        Ok(Some(page))
    }

    fn read(&mut self, mut rows: Rows) {
        let limit = self.limit;
        self.reading.spawn(async move { Ok(rows.next(limit).await?.map(|page| (page, rows))) });
    }
}
