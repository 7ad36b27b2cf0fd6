fn main() {
    let pool = aquifer::Pool::new();
    let mut kept = None;
    pool.scope(|_| kept = pool.alloc_str("of the parent").ok());
    println!("{kept:?}");
}
