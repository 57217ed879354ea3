//! What the command line says in place of `properties.yaml`.

use std::time::Duration;

/// Whether indexes are dropped while a large table is rewritten, and made again after it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum RebuildIndexes {
    /// Those of tables with 50,000 rows and more.
    #[default]
    Auto,
    /// Those of all tables.
    Always,
    /// None.
    Never,
}

/// What the command line says in place of the file.
#[derive(Debug, Clone, Copy, Default)]
pub struct Overrides {
    /// `--chunk-size`, in rows: taken literally.
    pub chunk_size: Option<u32>,
    /// `--connections`.
    pub connections: Option<u32>,
    /// `--max-rows-per-second`.
    pub max_rows_per_second: Option<u32>,
    /// `--patience`.
    pub patience: Option<Duration>,
    /// `--rebuild-indexes`.
    pub rebuild_indexes: Option<RebuildIndexes>,
    /// `--max-lag`.
    pub max_lag: Option<Duration>,
    /// `--max-load`.
    pub max_load: Option<u32>,
}
