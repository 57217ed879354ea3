//! Tables that another role than the server's has put where a target is looked for: writing to them runs what that role
//! has put there, as this program's user.

use super::super::Deployment;
use super::failed;
use crate::db::{Db, Identifier};
use crate::error::{Error, Id, Result};
use crate::target::Presence;

impl Deployment {
    /// Refuses a table that only some versions have, if its role owns none of those that every version has.
    pub(crate) async fn refuse_planted(&self, db: &Db) -> Result<()> {
        let owners = db.foreign_owners().await.map_err(|error| failed(db, &error))?;
        let owner = |table: &Identifier| {
            owners.iter().find(|(name, _)| name.eq_ignore_ascii_case(table)).map(|(_, owner)| owner)
        };
        let of_db = || self.targets.tables().iter().filter(|target| self.databases.is(&target.store, db));
        let trusted = of_db().filter(|target| target.presence == Presence::Always);
        let trusted: Vec<&String> = trusted.filter_map(|target| owner(&target.relation.table)).collect();
        let optional = of_db().filter(|target| !matches!(target.presence, Presence::Always | Presence::Own));
        for table in optional.map(|target| &target.relation.table) {
            if let Some(owner) = owner(table).filter(|owner| !trusted.contains(owner)) {
                let what = format!(
                    "{}: {table} belongs to the role {owner}, which owns no table that every version has: \
                     code that this role put there would run as this user",
                    db.place()
                );
                return Err(Error::new(Id::Schema, what).fix(format!(
                    "see who made it: drop {table}, and take CREATE on the schema from that role; or let it be owned \
                     as the other tables are"
                )));
            }
        }
        Ok(())
    }
}
