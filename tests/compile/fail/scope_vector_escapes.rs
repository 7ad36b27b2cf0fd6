use allocator_api2::vec::Vec;
use aquifer::Pool;

fn main() {
    let pool = Pool::new();
    let mut kept: Vec<u8, &Pool> = Vec::new_in(&pool);
    pool.scope(|scope| kept = Vec::new_in(&**scope));
    kept.push(1);
}
