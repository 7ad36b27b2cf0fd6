static CACHE: aquifer::PoolCache = aquifer::PoolCache::new(aquifer::Pool::builder());

fn main() {
    let value = CACHE.scope(|pool| pool.alloc_str("of the request"));
    println!("{value:?}");
}
