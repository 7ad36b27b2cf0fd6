fn main() {
    let pool = aquifer::Pool::new();
    let _ = pool.alloc(String::from("its heap memory would leak"));
}
