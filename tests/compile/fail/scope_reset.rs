fn main() {
    let pool = aquifer::Pool::new();
    pool.scope(|scope| scope.reset());
}
