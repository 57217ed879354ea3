//! Who may drop indexes and make them again.

use crate::portable::indexes::{ALWAYS, TABLE, catalogue};
use crate::support::{Admin, Engine, Place};

fn a_user_who_may_not_is_told_what_it_takes_and_the_rotation_goes_on(engine: Engine) {
    let place = Place::on(engine, 60); // its user has what docs/databases.md names, and no more
    let indexes = catalogue(&place);
    let ran = place.run(ALWAYS).exits(0);
    assert!(ran.stderr.contains("its indexes stay, which takes longer: the database user lacks "), "{ran}");
    assert_eq!(catalogue(&place), indexes);
    place.run(&["verify"]).exits(0);

    // What docs/databases.md names is enough.
    let place = Place::on(engine, 60);
    let (site, indexes) = (place.site(), catalogue(&place));
    let mut admin = Admin::connect(site.engine, &site.database(0));
    let user = site.user();
    match site.engine {
        Engine::Postgres => admin.execute(&format!(
            "GRANT CREATE ON SCHEMA public TO \"{user}\"; ALTER TABLE {TABLE} OWNER TO \"{user}\""
        )),
        _ => admin.execute(&format!("GRANT ALTER, CREATE ON {}.{TABLE} TO '{user}'@'%'", site.database(0))),
    }
    drop(admin); // a rotation wants nobody else there
    let ran = place.run(ALWAYS).exits(0);
    assert!(
        ran.stderr.contains("IDN_OAUTH2_ACCESS_TOKEN: indexes ")
            && ran.stderr.contains(" made again as before"),
        "{ran}"
    );
    assert!(
        ran.stderr.contains("IDN_OAUTH2_AUTHORIZATION_CODE: its indexes stay, which takes longer"),
        "{ran}"
    );
    assert_eq!(catalogue(&place), indexes);
    place.run(&["verify"]).exits(0);
}

crate::support::on_engines! {
    a_user_who_may_not_is_told_what_it_takes_and_the_rotation_goes_on: postgresql mysql, slow: mariadb;
}
