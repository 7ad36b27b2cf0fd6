fn main() {
    let pool = aquifer::Pool::new();
    let mut kept = None;
    pool.scope(|scope| kept = scope.alloc_str("of the scope").ok());
    println!("{kept:?}");
}
