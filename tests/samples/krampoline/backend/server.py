import os

import pymysql
from flask import Flask, jsonify

app = Flask(__name__)


@app.get("/api/breads")
def breads():
    connection = pymysql.connect(
        host=os.environ["DB_HOST"],
        user=os.environ["DB_USER"],
        password=os.environ["DB_PASSWORD"],
        database="bakery",
        cursorclass=pymysql.cursors.DictCursor,
    )
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT name, price FROM breads ORDER BY id")
        return jsonify(cursor.fetchall())


app.run(host="0.0.0.0", port=8080)
