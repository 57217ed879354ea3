//! The registry (shared) database: properties and tenants' keystores.

use sqlx::SqliteConnection;

use super::counts::Cell;
use super::world::{TENANTS, World, pick};
use super::{Sizes, database};
use crate::error::Result;

const INSERT_PROPERTY: &str =
    "INSERT INTO REG_PROPERTY (REG_ID, REG_NAME, REG_VALUE, REG_TENANT_ID) VALUES (?, ?, ?, ?)";

const INSERT_LINK: &str = "INSERT INTO REG_RESOURCE_PROPERTY (REG_PROPERTY_ID, REG_VERSION, REG_PATH_ID, \
    REG_RESOURCE_NAME, REG_TENANT_ID) VALUES (?, 0, ?, ?, ?)";

const INSERT_KEY_STORE: &str = "INSERT INTO KEY_STORE (ID, NAME, TYPE, PROVIDER, PASSWORD, PRIVATE_KEY_ALIAS, \
    PRIVATE_KEY_PASS, CONTENT, PUB_CERT_ID, TENANT_ID, VERSION, CREATED_AT, UPDATED_AT) \
    VALUES (?, ?, 'PKCS12', 'SunJSSE', ?, ?, ?, ?, ?, ?, '1.0.0', ?, ?)";

/// The names of properties, as often as they come in a registry's mix.
const NAMES: [&str; 12] = [
    "password",
    "privatekeyPass",
    "type",
    "provider",
    "privatekeyAlias",
    "registry.link",
    "description",
    "subscriberPassword",
    "subscriberURL",
    "Created.By",
    "version",
    "displayName",
];

/// Fills the tables of this module.
pub(super) async fn fill(db: &mut SqliteConnection, world: &mut World, sizes: &Sizes) -> Result<()> {
    for number in 0..sizes.properties {
        property(db, world, number).await?;
    }
    for number in 0..sizes.key_stores {
        key_store(db, world, number).await?;
    }
    Ok(())
}

async fn property(db: &mut SqliteConnection, world: &mut World, number: u64) -> Result<()> {
    // Ids start again in each tenant: the key is the pair.
    let (id, tenant) = (1 + number / TENANTS.len() as u64, pick(&TENANTS, number));
    let name = pick(&NAMES, id - 1);
    let in_scope = matches!(name, "password" | "privatekeyPass" | "subscriberPassword");
    let value = match (in_scope, number % 60) {
        (true, 0) => Cell::plain("changeit"),
        (true, 1) => Cell::null(),
        (true, _) => {
            let password = format!("{}!{}", name, world.random.base32(10));
            world.sealed(&password)?
        }
        (false, _) => Cell::plain(format!("value {number}")),
    };
    sqlx::query(INSERT_PROPERTY)
        .bind(i64::try_from(id).unwrap_or_default())
        .bind(name)
        .bind(value.stored)
        .bind(tenant)
        .execute(&mut *db)
        .await
        .map_err(database)?;
    sqlx::query(INSERT_LINK)
        .bind(i64::try_from(id).unwrap_or_default())
        .bind(i64::try_from(number / 6).unwrap_or_default())
        .bind(format!("resource{}", number / 3))
        .bind(tenant)
        .execute(db)
        .await
        .map_err(database)?;
    if in_scope {
        world.counts.row("REG_PROPERTY", &[value.kind]);
    } else {
        world.counts.row("REG_PROPERTY", &[]);
    }
    world.counts.row("REG_RESOURCE_PROPERTY", &[]);
    Ok(())
}

async fn key_store(db: &mut SqliteConnection, world: &mut World, number: u64) -> Result<()> {
    let password = world.sealed(&format!("tenant{number}-store"))?;
    let key_password =
        if number == 1 { Cell::null() } else { world.sealed(&format!("tenant{number}-key"))? };
    let content: Vec<u8> = (0..64).flat_map(|_| world.random.next().to_be_bytes()).collect();
    let created = world.time(number * 86_400);
    sqlx::query(INSERT_KEY_STORE)
        .bind(i64::try_from(number + 1).unwrap_or_default())
        .bind(format!("tenant{number}-example-com.p12"))
        .bind(password.stored)
        .bind(format!("tenant{number}.example.com"))
        .bind(key_password.stored)
        .bind(content)
        .bind(world.random.uuid())
        .bind(pick(&TENANTS, number))
        .bind(&created)
        .bind(&created)
        .execute(db)
        .await
        .map_err(database)?;
    world.counts.row("KEY_STORE", &[password.kind, key_password.kind]);
    Ok(())
}
