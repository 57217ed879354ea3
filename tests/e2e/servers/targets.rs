//! Tables of people's own on servers.

use super::on_each_server;
use crate::support::Engine;

on_each_server!(the_recipes_rotate_what_they_name);

fn the_recipes_rotate_what_they_name(engine: Engine) {
    crate::targets::the_recipes_rotate_what_they_name(engine);
}
