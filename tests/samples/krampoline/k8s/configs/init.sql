CREATE DATABASE IF NOT EXISTS bakery CHARACTER SET utf8mb4;
USE bakery;

CREATE TABLE IF NOT EXISTS breads (
    id INT AUTO_INCREMENT PRIMARY KEY,
    name VARCHAR(40) NOT NULL COMMENT '빵 이름',
    price INT NOT NULL COMMENT '가격(원)'
);

INSERT INTO breads (name, price) VALUES
    ('단팥빵', 1800),
    ('소금빵', 2900),
    ('고구마 크림빵', 3200);
