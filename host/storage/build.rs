//! Tells cargo to compile again when a migration was added: the macro that embeds them sees changes of
//! files that it knows, but not new ones.

fn main() {
    println!("cargo::rerun-if-changed=../../migrations/sqlite");
    println!("cargo::rerun-if-changed=../../migrations/postgres");
}
