fn main() {
    let mut pool = aquifer::Pool::new();
    let token = pool.defer(|_| ()).unwrap();
    pool.reset();
    token.cancel();
}
