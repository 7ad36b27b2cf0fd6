//! Who implements it by hand vouches for what no compiler checks.

use aquifer::{Schema, ShmSafe};

struct Shelf(u32);

impl ShmSafe for Shelf {
    const SCHEMA: Schema = Schema::new::<Self>("Shelf");
}

fn main() {}
