//! Tables of people's own on servers.

use super::on_each_server;
use crate::support::Engine;

on_each_server!(the_recipes_rotate_what_they_name, a_table_of_a_further_database_is_rotated);

fn a_table_of_a_further_database_is_rotated(engine: Engine) {
    crate::stores::a_table_of_a_further_database_is_rotated(engine);
}

fn the_recipes_rotate_what_they_name(engine: Engine) {
    crate::targets::the_recipes_rotate_what_they_name(engine);
}
