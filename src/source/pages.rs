//! The rows of a source, page by page.

use keyrotation_journal::Key;
use tokio::sync::mpsc::{self, Receiver};
use tokio::task::{JoinError, JoinSet};

use super::file_rows::FileWalk;
use super::{Row, Source, TableSource, Walk};
use crate::db::DbError;
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
    pub fn ahead(self, limit: usize) -> Ahead {
        let mut ahead = Ahead { limit, reading: JoinSet::new() };
        ahead.read(self);
        ahead
    }
}

/// A page, and the walk behind it.
type Read = (Vec<Row>, Rows);

/// Pages of a walk of which the next one is on its way.
#[derive(Debug)]
pub struct Ahead {
    limit: usize,
    /// The one read that is on; dropped with this, it ends.
    reading: JoinSet<Result<Option<Read>>>,
}

impl Ahead {
    /// The next page; none behind the last row.
    pub async fn next(&mut self) -> Result<Option<Vec<Row>>> {
        let Some(read) = self.reading.join_next().await else { return Ok(None) };
        let Some((page, rows)) = joined(read)? else { return Ok(None) };
        self.read(rows);
        Ok(Some(page))
    }

    fn read(&mut self, mut rows: Rows) {
        let limit = self.limit;
        self.reading.spawn(async move { Ok(rows.next(limit).await?.map(|page| (page, rows))) });
    }
}

/// What comes next of all rows.
#[derive(Debug)]
pub enum Page {
    /// Rows that were not among those before.
    Rows(Vec<Row>),
    /// Reading begins again with the first row: whoever counts begins again, too.
    Again,
    /// There are no more.
    End,
}

/// All rows of a source, of which the next page is on its way while one is being processed.
///
/// One statement reads a whole table, as its rows are stored and as they are at one moment. If it breaks off, for
/// whatever reason, all rows are read once more, now page by page behind the last key, which goes on where a server was
/// lost.
#[derive(Debug)]
pub struct Pages {
    source: Source,
    limit: usize,
    reading: Reading,
    begins_again: bool,
}

/// How they are read. Dropped with this, the reading ends.
#[derive(Debug)]
enum Reading {
    /// Page by page behind the last key.
    ByKey(Ahead),
    /// The statement, and what it has read.
    Stream(JoinSet<Result<(), DbError>>, Receiver<Vec<Row>>),
}

impl Pages {
    pub(super) fn of(source: &Source, limit: usize, by_one_statement: bool) -> Self {
        let reading = match source {
            Source::Table(table) if by_one_statement && table.db().can_stream() => {
                let (to, pages) = mpsc::channel(1);
                let mut statement = JoinSet::new();
                statement.spawn(table.clone().stream(limit, to));
                Reading::Stream(statement, pages)
            }
            _ => Reading::ByKey(source.walk_all().ahead(limit)),
        };
        Self { source: source.clone(), limit, reading, begins_again: false }
    }

    /// The next page.
    pub async fn next(&mut self) -> Result<Page> {
        if std::mem::take(&mut self.begins_again) {
            return Ok(Page::Again);
        }
        match &mut self.reading {
            Reading::ByKey(pages) => Ok(pages.next().await?.map_or(Page::End, Page::Rows)),
            Reading::Stream(statement, pages) => {
                if let Some(page) = pages.recv().await {
                    return Ok(Page::Rows(page));
                }
                let ended = statement.join_next().await;
                let Some(Err(error)) = ended.map(joined) else { return Ok(Page::End) };
                tracing::debug!("{error}; the table is read once more, page by page");
                self.reading = Reading::ByKey(self.source.walk_all().ahead(self.limit));
                Ok(Page::Again)
            }
        }
    }

    /// Ends a statement that reads the whole table, so that nobody waits for it, and says whether there was one: then
    /// reading begins again, page by page.
    pub fn make_way(&mut self) -> bool {
        if matches!(self.reading, Reading::Stream(..)) {
            self.reading = Reading::ByKey(self.source.walk_all().ahead(self.limit));
            self.begins_again = true;
        }
        self.begins_again
    }
}

fn joined<T>(ended: Result<T, JoinError>) -> T {
    ended.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}
