fn main() {
    let mut pool = aquifer::Pool::new();
    let token = pool.defer(|_| ()).unwrap();
    token.cancel();
    pool.reset();
}
